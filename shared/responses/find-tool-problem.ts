import { asObject, stringAt, type JsonObject } from "../json/json-object.ts";
import { clientTools, isClientTool } from "./client-tools.ts";
import { declaredTools, flatTool } from "./declared-tools.ts";
import { isIgnoredTool } from "./ignored-parts.ts";
import { named, untranslatable, type Untranslatable } from "./untranslatable.ts";

/** Finds the first tool, or choice of a tool, that chat completions cannot express. */
export function findToolProblem(body: JsonObject): Untranslatable | undefined {
  for (const { at, tool } of declaredTools(body)) {
    const { type } = tool;
    if (type === "function" || type === "custom") {
      if (stringAt(tool, "name") === "")
        return { param: `${at}.name`, message: `'${at}.name' must be a string.` };
    } else if (type === "namespace") {
      return {
        param: at,
        message: `'${at}' must be a namespace with a 'name' and a list of functions as 'tools'.`,
      };
    } else if (!isClientTool(tool) && !isIgnoredTool(tool)) {
      return untranslatable(`${at}.type`, named("A tool", type), "Leave it out");
    }
  }
  return findChoiceProblem(body);
}

function findChoiceProblem(body: JsonObject): Untranslatable | undefined {
  const choice = asObject(body["tool_choice"]);
  const type = choice?.["type"];
  if (typeof type === "string" && clientTools.has(type)) return undefined;
  if (choice === undefined || type === undefined) return undefined;
  if (type === "function" || type === "custom")
    return stringAt(flatTool(choice), "name") === ""
      ? { param: "tool_choice.name", message: "'tool_choice.name' must be a string." }
      : undefined;
  if (type === "allowed_tools") return undefined;
  return untranslatable("tool_choice.type", named("A tool choice", type), "Leave it out");
}
