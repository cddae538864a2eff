import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { invalid } from "./body-fields.ts";

/** A function that an answer may call. */
export interface FunctionTool {
  readonly name: string;
  /** The JSON Schema of its arguments, as in the request. */
  readonly parameters: unknown;
}

/** Returns the functions that the request lets the model call; other tools are ignored. */
export function readFunctionTools(
  body: JsonObject,
  endpoint: "chat.completions" | "responses",
): readonly FunctionTool[] {
  const tools = body["tools"] ?? [];
  if (!Array.isArray(tools)) throw invalid("tools", "must be a list");
  // Chats wrap the fields that responses have at the top level.
  const unwrap = (object: JsonObject | undefined): JsonObject | undefined =>
    endpoint === "responses" ? object : asObject(object?.["function"]);
  const functions = tools.flatMap((each: unknown, at): readonly FunctionTool[] => {
    const tool = asObject(each);
    if (tool === undefined) throw invalid(`tools[${at}]`, "must be an object");
    if (tool["type"] !== "function") return [];
    const definition = unwrap(tool);
    const name = definition?.["name"];
    if (typeof name !== "string") throw invalid(`tools[${at}]`, "has no name");
    return [{ name, parameters: definition?.["parameters"] }];
  });
  const choice = body["tool_choice"] ?? "auto";
  if (choice === "none") return [];
  const chosen = unwrap(asObject(choice))?.["name"];
  return chosen === undefined ? functions : functions.filter(({ name }) => name === chosen);
}
