import { argumentsOf } from "../../../shared/chat/merge-call.ts";
import { mayExceedDouble, parseExact } from "../../../shared/json/exact-json.ts";
import { asObject, stringAt, type JsonObject } from "../../../shared/json/json-object.ts";
import { callId, callType } from "../chat/forwarded-calls.ts";
import type { JsonAnswer } from "./parse-answer.ts";

/**
 * Returns a whole answer's bytes as they came, unless clients could not read its tool calls: they look
 * for an id, a type, and arguments that are a text.
 */
export function readableCalls({ bytes, answer }: JsonAnswer): Buffer {
  if (!listOf(answer["choices"]).some((choice) => callsOf(choice).some(isOdd))) return bytes;
  const text = bytes.toString();
  const exact = mayExceedDouble(text) ? (parseExact(text) as JsonObject) : answer;
  const choices = listOf(exact["choices"]).map((choice) => {
    const calls = callsOf(choice).map((call) => (isOdd(call) ? readableCall(call) : call));
    if (calls.length === 0) return choice;
    return { ...choice, message: { ...asObject(choice["message"]), tool_calls: calls } };
  });
  return Buffer.from(JSON.stringify({ ...exact, choices }));
}

function callsOf(choice: JsonObject): readonly JsonObject[] {
  const calls = asObject(choice["message"])?.["tool_calls"];
  return Array.isArray(calls) && calls.every((each) => asObject(each) !== undefined)
    ? listOf(calls)
    : [];
}

function isOdd(call: JsonObject): boolean {
  const made = asObject(call["function"]);
  const isText = made === undefined || typeof made["arguments"] === "string";
  return !isText || stringAt(call, "id") === "" || stringAt(call, "type") === "";
}

function readableCall(call: JsonObject): JsonObject {
  const { function: made, ...rest } = call;
  const typed = {
    ...rest,
    id: callId(call["id"]),
    type: callType(call),
  };
  const own = asObject(made);
  if (own === undefined) return typed;
  const { parameters: _, args: __, ...others } = own;
  return { ...typed, function: { ...others, arguments: argumentsOf(call) || "{}" } };
}

function listOf(value: unknown): readonly JsonObject[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.map((each) => asObject(each) ?? {});
}
