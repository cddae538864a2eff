import { asObject, type JsonObject } from "../json/json-object.ts";
import { named, untranslatable, type Untranslatable } from "./untranslatable.ts";

const roles = new Set(["user", "assistant", "system", "developer"]);

/** The first input item, or part of one, that chat completions cannot express. */
export function findInputFlaw(input: unknown): Untranslatable | undefined {
  if (!Array.isArray(input)) return undefined;
  for (const [index, each] of (input as unknown[]).entries()) {
    const flaw = findItemFlaw(`input[${index}]`, asObject(each) ?? {});
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function findItemFlaw(at: string, item: JsonObject): Untranslatable | undefined {
  const type = item["type"] ?? "message";
  switch (type) {
    case "message":
      return typeof item["role"] === "string" && roles.has(item["role"])
        ? findPartFlaw(`${at}.content`, item["content"], item["role"] === "user")
        : untranslatable(`${at}.role`, "A message with this role");
    case "function_call":
      return findMissing(at, item, ["call_id", "name", "arguments"]);
    case "function_call_output":
      return (
        findMissing(at, item, ["call_id"]) ?? findPartFlaw(`${at}.output`, item["output"], false)
      );
    case "reasoning":
      return undefined;
    default:
      return untranslatable(`${at}.type`, named("An item", type));
  }
}

function findMissing(
  at: string,
  item: JsonObject,
  names: readonly string[],
): Untranslatable | undefined {
  const name = names.find((each) => typeof item[each] !== "string");
  return name === undefined
    ? undefined
    : { param: `${at}.${name}`, message: `'${at}.${name}' must be a string.` };
}

/** Images and files are possible in what a user says only. */
function findPartFlaw(at: string, parts: unknown, ofUser: boolean): Untranslatable | undefined {
  if (!Array.isArray(parts)) return undefined;
  for (const [index, each] of (parts as unknown[]).entries()) {
    const part = asObject(each) ?? {};
    const place = `${at}[${index}]`;
    switch (part["type"]) {
      case "input_text":
      case "output_text":
      case "text":
      case "refusal":
        break;
      case "input_image":
        if (!ofUser) return untranslatable(`${place}.type`, "An image here");
        if (typeof part["image_url"] !== "string")
          return untranslatable(`${place}.image_url`, "An image without its 'image_url'");
        break;
      case "input_file":
        if (!ofUser) return untranslatable(`${place}.type`, "A file here");
        if (typeof part["file_data"] !== "string")
          return untranslatable(`${place}.file_data`, "A file without its 'file_data'");
        break;
      case "input_audio":
        if (!ofUser) return untranslatable(`${place}.type`, "Audio here");
        break;
      default:
        return untranslatable(`${place}.type`, named("A part", part["type"]));
    }
  }
  return undefined;
}
