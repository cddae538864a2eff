import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseExact } from "../../../../../shared/json/exact-json.ts";
import type { JsonObject } from "../../../../../shared/json/json-object.ts";
import { ownedItemId } from "../../../../../shared/responses/item-id.ts";
import { nativeBody } from "../../../../../workers/providers/openai/native-body.ts";
import {
  message,
  messageEvents,
  nativeAnswer,
  nativeEvent,
  nativeStream,
} from "./native-answer.ts";
import { eventsOf, context, readAll, readerOf, sdkResponse } from "../responses/read-with-sdk.ts";

const read = (wire: string, body: JsonObject = {}, cuts: readonly number[] = []) =>
  readAll(readerOf("native", body), wire, cuts);

const failedWith = (error: unknown) =>
  nativeEvent("response.failed", { response: { status: "failed", error, output: [] } });
const owned = (id: string) => ownedItemId(id, context.id);
const hello = message("msg_up1", "Hello");

describe("a native response", () => {
  it("tells the upstream's events from the first item on, numbered anew", () => {
    const { text, tail, status, reader } = read(nativeAnswer.twoCalls);
    const events = eventsOf(text + tail);
    expect(events.map((event) => event.sequence_number)).toEqual(
      events.map((_event, index) => index + 3),
    );
    expect(events[0]?.type).toBe("response.output_item.added");
    expect(eventsOf(tail ?? "").map((event) => event.type)).toEqual(["response.completed"]);
    expect(status).toBe("completed");
    expect(reader.usage).toEqual({ promptTokens: 7, completionTokens: 5 });
  });

  it("tells parts of reasoning by the names that OpenAI's clients know", () => {
    const item = { id: "rs_up1", type: "reasoning", summary: [], content: [] };
    const at = { item_id: "rs_up1", output_index: 0, content_index: 0 };
    const part = { type: "reasoning_text", text: "" };
    const events = [
      { type: "response.output_item.added", output_index: 0, item },
      { type: "response.reasoning_part.added", ...at, part },
      { type: "response.reasoning_part.done", ...at, part },
      { type: "response.output_item.done", output_index: 0, item },
    ];
    const wire = nativeStream(
      events.map(({ type, ...fields }) => nativeEvent(type, fields)).join(""),
      [item],
      {},
    );
    expect(eventsOf(read(wire).text).map(({ type }) => type)).toEqual([
      "response.output_item.added",
      "response.content_part.added",
      "response.content_part.done",
      "response.output_item.done",
    ]);
  });

  it("marks the items' ids with the response's, wherever they stand", () => {
    const { text, response } = read(nativeAnswer.hello);
    const ids = eventsOf(text).map(
      (event) => event["item_id"] ?? (event["item"] as JsonObject)["id"],
    );
    expect(new Set(ids)).toEqual(new Set([owned("rs_up1"), owned("msg_up1")]));
    expect(response?.["output"]).toMatchObject([{ type: "reasoning" }, { id: owned("msg_up1") }]);
  });

  it("says of the request what the request said, and else what the upstream says", () => {
    const body = { instructions: "Be kind.", metadata: { a: "1" }, temperature: 0.25 };
    const { response, tail } = read(
      nativeStream(messageEvents(0, hello, "Hello"), [hello], {
        instructions: "?",
        metadata: {},
        temperature: 1,
        top_p: 0.98,
        background: true,
        previous_response_id: "resp_theirs",
        completed_at: 5,
        vendor_field: { deep: [1] },
      }),
      body,
    );
    expect(response).toMatchObject({
      ...body,
      id: context.id,
      model: "public",
      created_at: context.createdAt,
      background: false,
      store: true,
      previous_response_id: null,
      max_output_tokens: 64,
      top_p: 0.98,
      completed_at: 5,
      tools: [],
      vendor_field: { deep: [1] },
    });
    expect(eventsOf(tail ?? "").at(-1)?.["response"]).toEqual(response);
  });

  it("keeps events, fields and numbers that nobody here knows", () => {
    const odd = `data: {"type":"response.later","item_id":"x","p":0.12345678901234567890}\n\n`;
    const { text } = read(nativeStream(odd + messageEvents(0, hello, "Hello"), [hello]));
    expect(text.split("\n\n")[0]).toBe(
      `event: response.later\ndata: {"type":"response.later","item_id":"${owned("x")}","p":0.12345678901234567890,"sequence_number":3}`,
    );
  });

  it("drops the upstream's own beginnings and keep-alives", () => {
    const { text } = readAll(readerOf("native"), nativeAnswer.hello);
    expect(text).not.toContain("response.created");
    const reader = readerOf("native");
    const step = reader.push(
      Buffer.from(nativeEvent("response.created", { response: {} }) + nativeEvent("keepalive", {})),
    );
    expect(step).toEqual({ text: "" });
    expect(reader.started).toBe(false);
  });

  it("has the items that came, where the last event forgot them", () => {
    const { response } = read(nativeStream(messageEvents(0, hello, "Hello"), []));
    expect(response?.["output"]).toMatchObject([{ content: [{ text: "Hello" }] }]);
  });

  it("may end incomplete", () => {
    const wire =
      messageEvents(0, hello, "Hello") +
      nativeEvent("response.incomplete", {
        response: {
          status: "incomplete",
          output: [hello],
          incomplete_details: { reason: "max_output_tokens" },
        },
      });
    const { status, response, reader } = read(wire);
    expect(status).toBe("incomplete");
    expect(response).toMatchObject({ incomplete_details: { reason: "max_output_tokens" } });
    expect(reader.usage).toBeUndefined();
    expect(reader.outputBytes).toBeGreaterThanOrEqual("Hello".length);
  });

  it("is accepted by the openai package", async () => {
    const { text, tail } = read(nativeAnswer.twoCalls);
    const seen = await sdkResponse(`${text}${tail}`);
    expect(seen.output.map((item) => item.type)).toEqual([
      "message",
      "function_call",
      "function_call",
    ]);
  });

  it("reads the same wherever the bytes are cut", () => {
    const whole = read(nativeAnswer.hello);
    const places = fc.array(fc.nat({ max: nativeAnswer.hello.length }), { maxLength: 5 });
    fc.assert(
      fc.property(places, (cuts) => {
        const sorted = cuts.toSorted((a, b) => a - b);
        const { text, tail } = read(nativeAnswer.hello, {}, sorted);
        expect({ text, tail }).toEqual({ text: whole.text, tail: whole.tail });
      }),
    );
  });

  it.each([
    ["response.failed", failedWith({ code: "server_error", message: "x" }), "server_error"],
    [
      "response.failed for its rate",
      failedWith({ code: "rate_limit_exceeded", message: "x" }),
      "rate_limited",
    ],
    [
      "response.failed for its prompt",
      failedWith({ code: "invalid_prompt", message: "x" }),
      "bad_request",
    ],
    [
      "response.failed for an image",
      failedWith({ code: "image_too_large", message: "x" }),
      "bad_request",
    ],
    ["response.failed without a word", failedWith(null), "server_error"],
    [
      "an error event",
      nativeEvent("error", { code: "rate_limit_exceeded", message: "x" }),
      "rate_limited",
    ],
    [
      "an error without an event's name",
      'data: {"type":"error","message":"x"}\n\n',
      "server_error",
    ],
    ["an error object", 'data: {"error":{"message":"x"}}\n\n', "server_error"],
    ["no last event", messageEvents(0, hello, "Hello"), "cut"],
    ["[DONE] alone", "data: [DONE]\n\n", "cut"],
    ["a last event without a response", nativeEvent("response.completed", {}), "cut"],
    [
      "a last event of another status",
      nativeEvent("response.completed", { response: { status: "in_progress" } }),
      "cut",
    ],
    ["chunks of a chat", 'data: {"choices":[]}\n\n', "malformed"],
  ])("with %s failed", (_what, wire, reason) => {
    const { failure, tail } = read(wire);
    expect(failure?.reason).toBe(reason);
    expect(tail).toBeUndefined();
  });
});

describe("a native request", () => {
  const target = { model: "up", maxOutputTokens: 9, location: "cloud" } as const;
  const sent = (body: JsonObject, more: object = {}) =>
    JSON.parse(nativeBody(body, { ...target, ...more })) as { input: unknown };

  it("always streams and keeps nothing there; the rest is the caller's", () => {
    const body = { input: "Hi", metadata: { a: "1" }, top_k: 4 };
    expect(sent(body)).toEqual({
      ...body,
      model: "up",
      stream: true,
      store: false,
      max_output_tokens: 9,
    });
    expect(sent(body, { streamOptions: '{"include_obfuscation":false}' })).toMatchObject({
      stream_options: { include_obfuscation: false },
    });
  });

  it("has no ids that the upstream does not know", () => {
    const thought = { type: "reasoning", summary: [], id: owned("rs_1") };
    const input = [
      "odd",
      { role: "user", content: "q" },
      { ...thought },
      { ...thought, encrypted_content: "e" },
      { ...thought, content: [{ type: "reasoning_text", text: "t" }] },
      { ...hello, id: owned("msg_1") },
      { type: "function_call", id: "fc_1", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", id: "fco_1", call_id: "c", output: "x" },
      { type: "mcp_approval_request", id: owned("mcpr_1") },
    ];
    const { id: _id, ...helloWithoutId } = hello;
    const rest = [
      helloWithoutId,
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: "x" },
      { type: "mcp_approval_request", id: "mcpr_1" },
    ];
    const encrypted = { ...thought, id: "rs_1", encrypted_content: "e" };
    expect(sent({ input }).input).toEqual([input[0], input[1], encrypted, ...rest]);
    const readable = { ...thought, id: "rs_1", content: [{ type: "reasoning_text", text: "t" }] };
    expect(sent({ input }, { location: "local" }).input).toEqual([
      input[0],
      input[1],
      encrypted,
      readable,
      ...rest,
    ]);
  });

  it("has numbers as they were written", () => {
    const body = parseExact('{"input":"Hi","seed":9223372036854775807}') as JsonObject;
    expect(nativeBody(body, target)).toContain('"seed":9223372036854775807');
  });
});
