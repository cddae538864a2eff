import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  callOf,
  chunk,
  doneEvent,
  httpUpstream,
  providerFor,
  recordingSink,
  streamUpstream,
  usageChunk,
} from "../upstream.ts";

const words = "Blue herons wade.";
const wholeJson = JSON.stringify({
  id: "c",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: words }, finish_reason: "stop" }],
  usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 },
});
const text = chunk({ role: "assistant", content: words });
const stop = chunk({}, "stop");
const events = text + stop + usageChunk + doneEvent;

async function answered(
  body: string | Buffer,
  headers: Record<string, string>,
  changes: Parameters<typeof callOf>[0] = {},
  status = 200,
) {
  const upstream = await httpUpstream((_request, response) => {
    response.writeHead(status, headers).end(body);
  });
  const sink = recordingSink();
  const outcome = await providerFor(upstream.baseUrl).call(callOf(changes), sink);
  const said = outcome.kind === "ok" ? sink.text() + (outcome.tail ?? "") : "";
  const whole = outcome.kind === "ok" && outcome.body ? outcome.body.toString() : "";
  return { outcome, said, whole };
}

/** Joins the text of all deltas. */
function contentOf(stream: string): string {
  return [...stream.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join("");
}

const json = { "content-type": "application/json" };
const sse = { "content-type": "text/event-stream" };

describe("a body is what it is, not what its headers say", () => {
  it.each([
    ["an event stream", events, sse],
    ["one under a JSON label", events, json],
    ["one without a type", events, {}],
    ["one that begins with a comment", `: hi\n\n${events}`, json],
    ["one that begins with a byte order mark", `\uFEFF${events}`, json],
    ["one that begins with an event's name", events.replaceAll("data:", "event: m\ndata:"), json],
    ["a whole answer", wholeJson, json],
    ["one after blank lines", `\n \n${wholeJson}`, json],
    ["one under a stream's label", wholeJson, sse],
  ])("%s, for a stream and for a whole answer", async (_what, body, headers) => {
    const streamed = await answered(body, headers, { stream: true });
    expect(streamed.outcome).toMatchObject({
      kind: "ok",
      contentType: "text/event-stream",
      usage: { promptTokens: 7 },
    });
    expect(contentOf(streamed.said)).toBe(words);
    expect(streamed.said.match(/"finish_reason":"stop"/g)).toHaveLength(1);
    expect(streamed.said.endsWith(doneEvent)).toBe(true);
    const { outcome, whole } = await answered(body, headers);
    expect(outcome).toMatchObject({ kind: "ok", contentType: "application/json" });
    expect(JSON.parse(whole)).toMatchObject(JSON.parse(wholeJson.replace(/,"usage.*/, "}")));
  });

  it.each([
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
    // Packed without a header.
    ["", gzipSync],
    // These headers are false.
    ["gzip", Buffer.from],
    ["deflate", Buffer.from],
    ["Identity", Buffer.from],
    ["utf-8", Buffer.from],
  ])("content-encoding %j is undone (%#)", async (encoding, pack) => {
    const headers = { ...json, "content-encoding": encoding };
    const one = await answered(pack(wholeJson), headers);
    expect(one.whole).toBe(wholeJson);
    const many = await answered(
      pack(events),
      { ...sse, "content-encoding": encoding },
      { stream: true },
    );
    expect(contentOf(many.said)).toBe(words);
    const error = await answered(pack('{"error":{"message":"too hot"}}'), headers, {}, 400);
    expect(error.outcome).toMatchObject({ error: { message: "too hot" } });
  });

  it("what unpacks to more than may be is malformed, and never unpacked", async () => {
    const bomb = brotliCompressSync(Buffer.alloc(80 * 1024 * 1024, " "));
    const { outcome } = await answered(bomb, { ...json, "content-encoding": "br" });
    expect(outcome).toMatchObject({ kind: "failed", reason: "malformed" });
  });

  it("a broken encoding is malformed", async () => {
    const bytes = Buffer.concat([gzipSync(wholeJson).subarray(0, 20), Buffer.from("rubbish")]);
    const { outcome } = await answered(bytes, { ...json, "content-encoding": "gzip" });
    expect(outcome).toMatchObject({ kind: "failed", reason: "malformed" });
  });

  it("tool calls of a whole answer are numbered in its stream", async () => {
    const call = { id: "a", type: "function", function: { name: "f", arguments: "{}" } };
    const message = { role: "assistant", content: null, tool_calls: [call] };
    const body = JSON.stringify({ choices: [{ index: 0, message }] });
    const { said } = await answered(body, json, { stream: true });
    expect(said).toContain('"tool_calls":[{"index":0,"id":"a"');
    expect(said).toContain('"finish_reason":"tool_calls"');
  });
});

describe("the end of a stream", () => {
  it.each([
    ["no [DONE]", text + stop + usageChunk],
    ["no [DONE] and no usage", text + stop],
    ["no blank line after the last event", (text + stop).trimEnd()],
    ["[DONE] in quotes", `${text + stop}data: "[DONE]"\n\n`],
    ["[done] with blanks", `${text + stop}data:   [done]  \n\n`],
    ["[DONE] twice, and rubbish after it", `${text + stop + doneEvent + doneEvent}data: {no\n\n`],
    ["[DONE] without a finish reason, but with usage", text + usageChunk + doneEvent],
    ["a finish reason that nobody knows", text + chunk({}, "COMPLETE") + doneEvent],
    ["another one", text + chunk({}, "content_filter: X")],
  ])("is one: %s", async (_what, body) => {
    const upstream = await streamUpstream(body);
    const sink = recordingSink();
    const outcome = await providerFor(upstream.baseUrl).call(callOf({ stream: true }), sink);
    expect(outcome).toMatchObject({ kind: "ok" });
    const said = sink.text() + (outcome.kind === "ok" ? outcome.tail : "");
    expect(contentOf(said)).toBe(words);
    expect(said.endsWith(doneEvent)).toBe(true);
  });

  it.each([
    ["a finish reason", text],
    [
      "the other choice's finish reason",
      text + chunk({}, "stop") + text.replace('"index":0', '"index":1'),
    ],
    ["the text after a finish reason", text + stop + text],
    ["the rest of an event", `${text + stop}data: {"choices":[{"index":0,"del`],
    ["a finish reason but for the word null", text + chunk({}, "null")],
  ])("is none without %s", async (_what, body) => {
    const upstream = await streamUpstream(body);
    const outcome = await providerFor(upstream.baseUrl).call(
      callOf({ stream: true }),
      recordingSink(),
    );
    expect(outcome).toMatchObject({ kind: "failed", reason: "cut" });
  });

  it.each([
    ["events without data", `data:\n\n${text}data: \n\n${stop}${doneEvent}`],
    ["pings", `event: ping\ndata: {"type":"ping"}\n\n${text}event: ping\n\n${stop}${doneEvent}`],
    ["no blank lines between events", (text + stop + doneEvent).replaceAll("\n\n", "\n")],
    ["a doubled prefix", (text + stop + doneEvent).replaceAll("data: ", "data: data: ")],
    ["CR alone as line end", (text + stop + doneEvent).replaceAll("\n", "\r")],
    [
      "the word null as finish reason",
      text.replace('"finish_reason":null', '"finish_reason":"null"') + stop + doneEvent,
    ],
    [
      "empty errors",
      (text + stop).replaceAll(
        '"id"',
        '"error":{"message":"","type":"","param":"","code":null},"id"',
      ) + doneEvent,
    ],
    ["a whole message in a chunk", text.replace('"delta"', '"message"') + stop + doneEvent],
  ])("comes in spite of %s", async (_what, body) => {
    const { outcome, said } = await answered(body, sse, { stream: true });
    expect(outcome).toMatchObject({ kind: "ok" });
    expect(contentOf(said)).toBe(words);
    expect(said).not.toMatch(/"(?:message|error)":/);
  });
});

describe("an error member", () => {
  it.each([null, "", {}, [], false, 0, { message: "", code: null }, { code: 200, message: "OK" }])(
    "that says nothing is none: %j",
    async (error) => {
      const good = JSON.stringify({ ...JSON.parse(wholeJson), error });
      expect((await answered(good, json)).outcome).toMatchObject({ kind: "ok" });
    },
  );

  it.each<[unknown, string]>([
    [{ error: { message: "boom" } }, "boom"],
    [{ error: "boom" }, "boom"],
    [{ error: ["boom"] }, "boom"],
    [{ errors: [{ message: "boom" }] }, "boom"],
    [{ detail: "boom" }, "boom"],
    [{ object: "error", message: "boom" }, "boom"],
    [{ msg: "boom", code: 1210 }, "boom"],
  ])("%j is one, in a whole answer and in a stream", async (body, message) => {
    for (const stream of [false, true]) {
      const { outcome } = await answered(JSON.stringify(body), json, { stream });
      expect(outcome).toMatchObject({ kind: "failed", error: { message }, outputBytes: 0 });
    }
  });
});
