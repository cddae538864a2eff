import type { Endpoint } from "../../../shared/contracts/endpoint.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { judgeFinishReason } from "../chat/finish-reason.ts";

/**
 * Writes a whole answer as the events of a stream that says the same: each choice in one chunk, its
 * finish reason, usage, `[DONE]`. The body's length has proved that it is complete, so a missing
 * finish reason becomes the ordinary one.
 */
export function wholeEvents(answer: JsonObject, endpoint: Endpoint): string {
  if (endpoint === "responses") return responseEvent(answer);
  const { choices, usage, ...top } = answer;
  const isChat = endpoint === "chat.completions";
  const base = { ...top, ...(isChat ? { object: "chat.completion.chunk" } : {}) };
  const list = (choices as readonly unknown[]).map((each) => asObject(each) ?? {});
  const chunks = list.flatMap((choice, position) => {
    const { message, finish_reason: reason, index = position, ...rest } = choice;
    const words = asObject(message) ?? {};
    const body = isChat ? { delta: withIndexes(words) } : {};
    const nothing = isChat ? { delta: {} } : { text: "" };
    const calls = words["tool_calls"];
    const usual = Array.isArray(calls) && calls.length > 0 ? "tool_calls" : "stop";
    const finish = judgeFinishReason(reason) === "open" ? usual : reason;
    return [
      { ...base, choices: [{ index, ...body, ...rest, finish_reason: null }] },
      { ...base, choices: [{ index, ...nothing, finish_reason: finish }] },
    ];
  });
  const counted = asObject(usage) === undefined ? [] : [{ ...base, choices: [], usage }];
  return [...chunks, ...counted].map((chunk) => event(chunk)).join("") + "data: [DONE]\n\n";
}

/** Numbers tool calls, since only deltas have numbers. */
function withIndexes(message: JsonObject): JsonObject {
  const calls = message["tool_calls"];
  if (!Array.isArray(calls)) return message;
  const numbered = calls.map((call, index) => ({ index, ...asObject(call) }));
  return { ...message, tool_calls: numbered };
}

/** Writes the last event of an upstream's own response, which has everything. */
function responseEvent(response: JsonObject): string {
  const type = response["status"] === "incomplete" ? "incomplete" : "completed";
  return event({ type: `response.${type}`, response });
}

function event(data: JsonObject): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
