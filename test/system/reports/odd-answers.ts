import { brotliCompressSync, gzipSync } from "node:zlib";
import { streamAnswer, wholeAnswer, type ScriptedAnswer } from "./scripted-upstream.ts";

type Named = readonly [string, ScriptedAnswer];

const good = streamAnswer();
const events = good.chunks.map(String);
const [role = "", first = "", second = "", finish = "", usage = "", done = ""] = events;
const texts = events.map((event) => event.slice("data: ".length).trimEnd());
const eventStream = { "content-type": "text/event-stream" };
const json = { "content-type": "application/json" };
const body = String(wholeAnswer().chunks[0]);
const answer = JSON.parse(body) as object;

const stream = (...chunks: readonly (string | Buffer)[]): ScriptedAnswer => ({
  headers: eventStream,
  chunks,
});
const each = (change: (event: string) => string) => stream(events.map(change).join(""));
const between = (event: string) => stream(role, event, first, second, finish, usage, done);
const after = (event: string) => stream(role, first, second, finish, usage, event);
const bytes = Buffer.from(events.join(""));
const encoded = (names: string | readonly string[], content: Buffer): ScriptedAnswer => ({
  headers: { ...json, "content-encoding": names },
  chunks: [content],
});

/** Servers frame one stream, «Blue herons wade.» with 12 + 5 tokens, in these ways (K6). */
export const oddStreams: readonly Named[] = [
  ["CR LF", each((event) => event.replaceAll("\n", "\r\n"))],
  ["CR", each((event) => event.replaceAll("\n", "\r"))],
  ["a byte order mark", stream("\uFEFF", ...events)],
  [
    "cut in threes",
    stream(
      ...Array.from({ length: Math.ceil(bytes.length / 3) }, (_, at) =>
        bytes.subarray(3 * at, 3 * at + 3),
      ),
    ),
  ],
  ["no last blank line", stream(events.join("").trimEnd())],
  ["no blank lines at all", stream(events.join("").replaceAll("\n\n", "\n"))],
  ["data twice", each((event) => `data: ${event}`)],
  [
    "two objects in an event",
    stream(`data: ${texts[0]}${texts[1]}\n\n`, second, finish, usage, done),
  ],
  [
    "two lines in an event",
    stream(`data: ${texts[0]}\ndata: ${texts[1]}\n\n`, second, finish, usage, done),
  ],
  ["an object on two lines", each((event) => event.replace('{"id"', '{\ndata: "id"'))],
  ["null between", between("data: null\n\n")],
  ["an empty list between", between("data: []\n\n")],
  ["an empty text between", between('data: ""\n\n')],
  ["a ping of words between", between("event: ping\ndata: 2026-01-01\n\n")],
  ["a chunk without choices", between('data: {"id":"c","object":"chat.completion.chunk"}\n\n')],
  ["choices null", between('data: {"id":"c","choices":null}\n\n')],
  ["DONE without brackets", after("data: DONE\n\n")],
  ["an empty event at the end", after("event: end\ndata:\n\n")],
  ["indexes as texts", each((event) => event.replace('"index":0', '"index":"0"'))],
  ["finishReason", each((event) => event.replace("finish_reason", "finishReason"))],
  [
    "JSON lines",
    { headers: { "content-type": "application/x-ndjson" }, chunks: [texts.slice(0, 5).join("\n")] },
  ],
  ["a list of chunks", { headers: json, chunks: [`[${texts.slice(0, 5).join(",")}]`] }],
];

/** Servers send the same whole answer in these shapes and encodings (K9). */
export const oddBodies: readonly Named[] = [
  ["a list of one", { chunks: [`[${body}]`] }],
  ["a text of JSON", { chunks: [JSON.stringify(body)] }],
  ["in data", { chunks: [JSON.stringify({ code: 0, msg: "ok", data: answer })] }],
  ["in result", { chunks: [JSON.stringify({ success: true, errors: [], result: answer })] }],
  ["a byte order mark", { chunks: [`\uFEFF${body}`] }],
  ["UTF-16", { chunks: [Buffer.from(`\uFEFF${body}`, "utf16le")] }],
  ["Python's NaN", { chunks: [body.replace('"created":1', '"created":NaN')] }],
  ["gzip twice", encoded("gzip, gzip", gzipSync(gzipSync(body)))],
  ["br, then gzip", encoded("br, gzip", gzipSync(brotliCompressSync(body)))],
  ["plain, said to be br", encoded("br", Buffer.from(body))],
  ["the encoding told twice", encoded(["gzip", "gzip"], gzipSync(body))],
  ["no encoding told twice", encoded(["identity", "identity"], Buffer.from(body))],
  [
    "the type told twice",
    { headers: { "content-type": [json["content-type"], "text/plain"] }, chunks: [body] },
  ],
];

/** These error members report no error (K8). */
export const harmlessErrors: readonly unknown[] = [
  "no error",
  "N/A",
  "-",
  "undefined",
  { code: "00000", message: "" },
  { code: 20_000, message: "Success" },
  { code: "200", message: "OK" },
  { error: {} },
];

/** Gateways report a usage of 12 + 5 tokens in these top-level members of an answer (K2). */
export const oddUsages: readonly object[] = [
  { usage: { prompt_tokens: "12", completion_tokens: "5" } },
  { usage: { prompt_tokens: 11.5, completion_tokens: 4.2 } },
  { usage: { promptTokens: 12, completionTokens: 5, totalTokens: 17 } },
  { usage: { inputTokens: 12, outputTokens: 5 } },
  { usage: { prompt_token_count: 12, candidates_token_count: 5, total_token_count: 17 } },
  { usage: { input_token_count: 12, generated_token_count: 5 } },
  { usage: { tokens: { input_tokens: 12, output_tokens: 5 }, billed_units: { input_tokens: 9 } } },
  { usage: [{ prompt_tokens: 12, completion_tokens: 5 }] },
  { usage: { usage: { prompt_tokens: 12, completion_tokens: 5 } } },
  { usage: '{"prompt_tokens":12,"completion_tokens":5}' },
  { usage: { prompt_cache_hit_tokens: 8, prompt_cache_miss_tokens: 4, completion_tokens: 5 } },
  { Usage: { PromptTokens: 12, CompletionTokens: 5 } },
  { token_usage: { prompt_tokens: 12, completion_tokens: 5 } },
  { meta: { usage: { prompt_tokens: 12, completion_tokens: 5 } } },
  { timings: { prompt_n: 2, cache_n: 10, predicted_n: 5 } },
  { tokens_evaluated: 12, tokens_predicted: 5 },
  { "amazon-bedrock-invocationMetrics": { inputTokenCount: 12, outputTokenCount: 5 } },
];
