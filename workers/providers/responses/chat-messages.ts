import { asObject, stringAt, type JsonObject } from "../../../shared/json/json-object.ts";
import { clientToolOfCall, isClientToolOutput } from "../../../shared/responses/client-tools.ts";
import { functionName } from "../../../shared/responses/tool-table.ts";
import { outputContent, plainText, userContent } from "./chat-content.ts";

interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
  readonly extra_content?: JsonObject;
}

/** Engines take a model's reasoning back before a tool call, under one of these names. */
export type ReasoningField = "reasoning_content" | "reasoning";

type Reasoning = { readonly [Field in ReasoningField]?: string };

interface Message extends Reasoning {
  readonly role: "system" | "user" | "assistant" | "tool";
  content: string | readonly JsonObject[] | null;
  tool_calls?: ToolCall[];
  readonly tool_call_id?: string;
}

/**
 * Writes a response's `instructions` and `input` as the messages of a chat. `findUntranslatable`
 * has let them through. The model's reasoning since the user's last message goes back with its tool
 * calls, in each of `reasoningFields`: models that think between calls go on from there, and have
 * no use for older reasoning. With `takesExtras`, calls go back with the members that came beside
 * them; Gemini refuses a turn that lacks these.
 */
export function chatMessages(
  instructions: unknown,
  input: unknown,
  reasoningFields: readonly ReasoningField[] = [],
  takesExtras = false,
): readonly Message[] {
  const chat = new Chat(reasoningFields, takesExtras);
  if (typeof instructions === "string" && instructions !== "")
    chat.messages.push({ role: "system", content: instructions });
  if (typeof input === "string") chat.messages.push({ role: "user", content: input });
  else if (Array.isArray(input)) {
    const items = (input as unknown[]).map((each) => asObject(each) ?? {});
    const lastUser = items.findLastIndex(isOfUser);
    for (const [index, item] of items.entries()) chat.add(item, index > lastUser);
    chat.addMedia();
  }
  return chat.messages;
}

function isOfUser(item: JsonObject): boolean {
  return (item["type"] ?? "message") === "message" && item["role"] === "user";
}

class Chat {
  readonly messages: Message[] = [];
  readonly #reasoningFields: readonly ReasoningField[];
  readonly #takesExtras: boolean;
  /** Reasoning for the next message. */
  #reasoning = "";
  /**
   * Media of the results since the last call. A text that names the call comes before each of them.
   */
  #media: JsonObject[] = [];

  constructor(reasoningFields: readonly ReasoningField[], takesExtras: boolean) {
    this.#reasoningFields = reasoningFields;
    this.#takesExtras = takesExtras;
  }

  add(item: JsonObject, isLatest: boolean): void {
    const type = item["type"] ?? "message";
    if (type === "reasoning") {
      if (isLatest)
        this.#addReasoning(plainText(item["content"]) || plainText(item["summary"], "\n"));
    } else if (type === "message") {
      this.#addMessage(item);
    } else if (type === "function_call") {
      this.#call(item, asText(item["arguments"]));
    } else if (type === "custom_tool_call") {
      this.#call(item, JSON.stringify({ input: stringAt(item, "input") }));
    } else if (type === "function_call_output" || type === "custom_tool_call_output") {
      this.#addOutput(stringAt(item, "call_id"), item["output"]);
    } else this.#addClientTool(type, item);
  }

  #addReasoning(text: string): void {
    const { role, tool_calls: calls } = this.messages.at(-1) ?? {};
    // No other message may begin between parallel calls of one message.
    if (role === "assistant" && calls !== undefined) return;
    this.#reasoning = [this.#reasoning, text].filter((each) => each !== "").join("\n\n");
  }

  #addMessage(item: JsonObject): void {
    const { role, content } = item;
    if (role === "user") this.#push({ role, content: userContent(content) });
    else if (role === "tool") this.#addOutput(stringAt(item, "tool_call_id"), content);
    else if (role === "assistant") this.#addAssistant(item);
    else this.#addSystem(plainText(content, "\n"));
  }

  #addSystem(text: string): void {
    const last = this.messages.at(-1);
    // Many chat templates know only one system message, and only at the start.
    if (this.messages.length === 1 && last?.role === "system")
      last.content = joined(last.content, text);
    else this.#push({ role: "system", content: text });
  }

  #addAssistant(item: JsonObject): void {
    const last = this.messages.at(-1);
    const text = plainText(item["content"]);
    const calls = Array.isArray(item["tool_calls"]) ? (item["tool_calls"] as unknown[]) : [];
    // No message may stand between calls and their outputs, so the text goes with the calls.
    if (last?.role === "assistant" && last.tool_calls !== undefined)
      last.content = joined(last.content, text);
    else if (text !== "" || calls.length === 0) this.#push({ role: "assistant", content: text });
    for (const each of calls) {
      const call = asObject(each) ?? {};
      const made = asObject(call["function"]) ?? {};
      this.#call({ ...made, call_id: call["id"] }, asText(made["arguments"]));
    }
  }

  #call(item: JsonObject, text: string): void {
    const extra = asObject(item["extra_content"]);
    const call: ToolCall = {
      id: stringAt(item, "call_id"),
      type: "function",
      function: {
        name: functionName(stringAt(item, "name"), stringAt(item, "namespace")),
        arguments: text,
      },
      ...(this.#takesExtras && extra !== undefined ? { extra_content: extra } : {}),
    };
    let last = this.messages.at(-1);
    if (last?.role !== "assistant") {
      last = { role: "assistant", content: null };
      this.#push(last);
    }
    if (last.content === "") last.content = null;
    (last.tool_calls ??= []).push(call);
    if (this.#reasoning === "") return;
    for (const field of this.#reasoningFields) Object.assign(last, { [field]: this.#reasoning });
    this.#reasoning = "";
  }

  #addOutput(callId: string, output: unknown): void {
    const { text, media } = Array.isArray(output)
      ? outputContent(output)
      : { text: asText(output), media: [] };
    const note = media.length > 0 ? `[${media.length} attached in the next user message]` : "";
    this.messages.push({ role: "tool", tool_call_id: callId, content: joined(text, note) });
    if (media.length === 0) return;
    const about = `Attached to the result of ${this.#nameOf(callId)} (${callId}):`;
    this.#media.push({ type: "text", text: about }, ...media);
  }

  /**
   * Adds the media of tool results as a message of the user. Most engines take nothing but text
   * from a tool, and take no other message between the results of parallel calls.
   */
  addMedia(): void {
    const content = this.#media;
    this.#media = [];
    if (content.length > 0) this.messages.push({ role: "user", content });
  }

  #push(message: Message): void {
    this.addMedia();
    this.messages.push(message);
  }

  #nameOf(callId: string): string {
    const calls = this.messages.flatMap(({ tool_calls: each }) => each ?? []);
    return calls.find(({ id }) => id === callId)?.function.name ?? "a call";
  }

  #addClientTool(type: unknown, item: JsonObject): void {
    const [name, tool] = clientToolOfCall(type) ?? [];
    const callId = item["call_id"] ?? item["id"];
    if (tool !== undefined)
      this.#call({ name, call_id: callId }, JSON.stringify(tool.argumentsOf(item) ?? {}));
    else if (isClientToolOutput(type))
      this.#addOutput(
        stringAt({ callId }, "callId"),
        asText(item["output"] ?? item["tools"] ?? item["status"]),
      );
  }
}

function joined(before: Message["content"], text: string): string {
  return [typeof before === "string" ? before : "", text]
    .filter((each) => each !== "")
    .join("\n\n");
}

/** Some clients send objects where OpenAI's send their JSON text. */
function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return value == null ? "" : JSON.stringify(value);
}
