import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { invalid } from "./body-fields.ts";
import { Conversation } from "./conversation.ts";
import type { Prompt } from "./prompt.ts";

/** Reads the `messages` of a chat. Throws `HttpError` (400) when they are not a conversation. */
export function readMessages(value: unknown): Prompt {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid("messages", "must be a list with at least one message");
  }
  const conversation = new Conversation("messages");
  for (const each of value) {
    const message = asObject(each);
    if (message === undefined || typeof message["role"] !== "string") {
      throw invalid("messages", "must hold objects with a role");
    }
    const { role, content } = message;
    if (role === "tool") {
      conversation.answered(message["tool_call_id"], content);
      continue;
    }
    conversation.said(role, content);
    for (const call of callsOf(message)) {
      conversation.called(call["id"], JSON.stringify(call["function"] ?? {}));
    }
  }
  return conversation.prompt();
}

function callsOf(message: JsonObject): readonly JsonObject[] {
  const calls = message["tool_calls"] ?? [];
  if (!Array.isArray(calls)) throw invalid("messages", "tool_calls must be a list");
  return calls.map((each: unknown) => {
    const call = asObject(each);
    if (call === undefined) throw invalid("messages", "tool_calls must hold objects");
    return call;
  });
}
