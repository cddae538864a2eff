import { asObject, type JsonObject } from "../json/json-object.ts";
import { clientToolOfCall, isClientToolOutput } from "./client-tools.ts";
import { named, untranslatable, type Untranslatable } from "./untranslatable.ts";

const roles = new Set(["user", "assistant", "system", "developer", "tool"]);

/** Finds the first input item, or part of one, that chat completions cannot express. */
export function findInputProblem(input: unknown): Untranslatable | undefined {
  if (!Array.isArray(input)) return undefined;
  for (const [index, each] of (input as unknown[]).entries()) {
    const problem = findItemProblem(`input[${index}]`, asObject(each) ?? {});
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function findItemProblem(at: string, item: JsonObject): Untranslatable | undefined {
  const type = item["type"] ?? "message";
  switch (type) {
    case "message":
      return findMessageProblem(at, item);
    case "function_call":
      return findMissing(at, item, ["call_id", "name"]) ?? findAbsent(at, item, "arguments");
    case "custom_tool_call":
      return findMissing(at, item, ["call_id", "name", "input"]);
    case "function_call_output":
    case "custom_tool_call_output":
      return (
        findMissing(at, item, ["call_id"]) ??
        findAbsent(at, item, "output") ??
        findPartProblem(`${at}.output`, item["output"], true)
      );
    case "compaction":
    case "compaction_summary":
      return {
        param: `${at}.encrypted_content`,
        message: "Only who made this compaction can read it; send the items that it stands for.",
      };
    case "reasoning":
    case "additional_tools":
    case "tool_search_output":
      return undefined;
    default:
      return clientToolOfCall(type) !== undefined || isClientToolOutput(type)
        ? undefined
        : untranslatable(`${at}.type`, named("An item", type));
  }
}

function findMessageProblem(at: string, item: JsonObject): Untranslatable | undefined {
  const { role, content } = item;
  if (typeof role !== "string" || !roles.has(role))
    return untranslatable(`${at}.role`, "A message with this role");
  if (role === "tool") {
    const problem = findMissing(at, item, ["tool_call_id"]);
    if (problem !== undefined) return problem;
  }
  if (role === "assistant" && content == null) return undefined;
  const takesMedia = role === "user" || role === "tool";
  return findAbsent(at, item, "content") ?? findPartProblem(`${at}.content`, content, takesMedia);
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

function findAbsent(at: string, item: JsonObject, name: string): Untranslatable | undefined {
  return item[name] == null
    ? { param: `${at}.${name}`, message: `'${at}.${name}' is required.` }
    : undefined;
}

/**
 * Finds the first part that chat completions cannot express. They allow images and files in user
 * messages and in outputs of tools.
 */
function findPartProblem(
  at: string,
  parts: unknown,
  takesMedia: boolean,
): Untranslatable | undefined {
  if (!Array.isArray(parts)) return undefined;
  for (const [index, each] of (parts as unknown[]).entries()) {
    if (typeof each === "string") continue;
    const part = asObject(each) ?? {};
    const place = `${at}[${index}]`;
    const { type } = part;
    switch (type) {
      case "input_text":
      case "output_text":
      case "summary_text":
      case "reasoning_text":
      case "text":
      case "refusal": {
        const problem = findMissing(place, part, [type === "refusal" ? "refusal" : "text"]);
        if (problem !== undefined) return problem;
        break;
      }
      case "input_image":
        if (!takesMedia) return untranslatable(`${place}.type`, "An image here");
        if (typeof part["image_url"] !== "string")
          return untranslatable(`${place}.image_url`, "An image without its 'image_url'");
        break;
      case "image_url":
        if (!takesMedia) return untranslatable(`${place}.type`, "An image here");
        if (typeof asObject(part["image_url"])?.["url"] !== "string")
          return untranslatable(`${place}.image_url`, "An image without its 'image_url'");
        break;
      case "input_file":
        if (!takesMedia) return untranslatable(`${place}.type`, "A file here");
        if (typeof part["file_data"] !== "string")
          return untranslatable(`${place}.file_data`, "A file without its 'file_data'");
        break;
      case "input_audio":
        if (!takesMedia) return untranslatable(`${place}.type`, "Audio here");
        break;
      default:
        return untranslatable(`${place}.type`, named("A part", type));
    }
  }
  return undefined;
}
