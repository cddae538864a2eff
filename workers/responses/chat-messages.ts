import { asObject, stringAt, type JsonObject } from "../../shared/json/json-object.ts";

interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  content: string | readonly JsonObject[] | null;
  tool_calls?: ToolCall[];
  readonly tool_call_id?: string;
}

/**
 * A response's `instructions` and `input` as the messages of a chat; `findUntranslatable` has let
 * them through. Reasoning is left out: clouds refuse a message with it, and models do not miss it.
 */
export function chatMessages(instructions: unknown, input: unknown): readonly Message[] {
  const messages: Message[] = [];
  if (typeof instructions === "string" && instructions !== "")
    messages.push({ role: "system", content: instructions });
  if (typeof input === "string") messages.push({ role: "user", content: input });
  else if (Array.isArray(input))
    for (const item of input as unknown[]) addItem(messages, asObject(item) ?? {});
  return messages;
}

function addItem(messages: Message[], item: JsonObject): void {
  switch (item["type"] ?? "message") {
    case "message":
      addMessage(messages, item["role"], item["content"]);
      break;
    case "function_call":
      addCall(messages, {
        id: stringAt(item, "call_id"),
        type: "function",
        function: { name: stringAt(item, "name"), arguments: stringAt(item, "arguments") },
      });
      break;
    case "function_call_output":
      messages.push({
        role: "tool",
        tool_call_id: stringAt(item, "call_id"),
        content: plainText(item["output"], ""),
      });
      break;
    default:
  }
}

function addMessage(messages: Message[], role: unknown, content: unknown): void {
  const last = messages.at(-1);
  if (role === "user") {
    messages.push({ role, content: userContent(content) });
  } else if (role === "assistant") {
    const text = plainText(content, "");
    // Between calls and their outputs no message may stand: what was said goes with the calls.
    if (last?.role === "assistant" && last.tool_calls !== undefined)
      last.content = joined(last.content, text);
    else messages.push({ role, content: text });
  } else {
    const text = plainText(content, "\n");
    // Many chat templates know one system message, and that at the start.
    if (messages.length === 1 && last?.role === "system") last.content = joined(last.content, text);
    else messages.push({ role: "system", content: text });
  }
}

function joined(before: Message["content"], text: string): string {
  return [typeof before === "string" ? before : "", text]
    .filter((each) => each !== "")
    .join("\n\n");
}

function addCall(messages: Message[], call: ToolCall): void {
  const last = messages.at(-1);
  if (last?.role !== "assistant") {
    messages.push({ role: "assistant", content: null, tool_calls: [call] });
    return;
  }
  if (last.content === "") last.content = null;
  (last.tool_calls ??= []).push(call);
}

function userContent(content: unknown): string | readonly JsonObject[] {
  if (!Array.isArray(content)) return typeof content === "string" ? content : "";
  const parts = (content as unknown[]).map((part) => chatPart(asObject(part) ?? {}));
  const [only] = parts;
  // Templates that take plain texts only are common among local engines.
  return parts.length === 1 && only?.["type"] === "text" ? stringAt(only, "text") : parts;
}

function chatPart(part: JsonObject): JsonObject {
  switch (part["type"]) {
    case "input_image": {
      const detail = part["detail"] == null ? {} : { detail: part["detail"] };
      return { type: "image_url", image_url: { url: part["image_url"], ...detail } };
    }
    case "input_file": {
      const name = part["filename"] == null ? {} : { filename: part["filename"] };
      return { type: "file", file: { ...name, file_data: part["file_data"] } };
    }
    case "input_audio":
      return part;
    default:
      return { type: "text", text: partText(part) };
  }
}

function plainText(content: unknown, between: string): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as unknown[]).map((part) => partText(asObject(part) ?? {})).join(between);
}

function partText(part: JsonObject): string {
  return stringAt(part, part["type"] === "refusal" ? "refusal" : "text");
}
