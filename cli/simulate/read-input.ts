import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { invalid } from "./body-fields.ts";
import { Conversation } from "./conversation.ts";
import type { Prompt } from "./prompt.ts";
import { HttpError, type SimulatorKind } from "./http-error.ts";

/**
 * Reads `instructions` and `input` of a response request. Throws `HttpError`: 400 when they are not
 * a conversation, 404 for references to stored items, since nothing is stored.
 */
export function readInput(body: JsonObject, kind: SimulatorKind): Prompt {
  const { input, instructions } = body;
  const earlier = body["previous_response_id"] ?? undefined;
  if (earlier !== undefined) throw notKept(`Response with id '${text(earlier)}'`);
  const conversation = new Conversation("input");
  if (typeof instructions === "string") conversation.said("system", instructions);
  if (typeof input === "string") conversation.said("user", input);
  else if (Array.isArray(input) && input.length > 0) {
    for (const each of input) readItem(conversation, each, kind);
  } else throw invalid("input", "must be text or a list of items");
  return conversation.prompt();
}

function readItem(conversation: Conversation, value: unknown, kind: SimulatorKind): void {
  const item = asObject(value);
  if (item === undefined) throw invalid("input", "must hold objects");
  switch (item["type"] ?? "message") {
    case "message":
      if (typeof item["role"] !== "string") throw invalid("input", "messages must have a role");
      conversation.said(item["role"], item["content"]);
      return;
    case "function_call":
      conversation.called(item["call_id"], `${text(item["name"])}${text(item["arguments"])}`);
      return;
    case "function_call_output":
      conversation.answered(item["call_id"], item["output"]);
      return;
    case "item_reference":
      throw notKept(`Item with id '${text(item["id"])}'`);
    case "reasoning":
      // A cloud needs its own encrypted reasoning back, or else looks for the stored item.
      if (kind === "cloud" && typeof item["encrypted_content"] !== "string") {
        throw notKept(`Item with id '${text(item["id"])}'`);
      }
      conversation.other(JSON.stringify(item["content"] ?? item["summary"] ?? []));
      return;
    default:
      conversation.other(JSON.stringify(item));
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function notKept(what: string): HttpError {
  return new HttpError({ status: 404, message: `${what} not found.`, param: "input" });
}
