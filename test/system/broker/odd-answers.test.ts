import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";

/** This answers every POST to the upstream. */
let answer: (response: ServerResponse) => void;
let upstream: Server;
let broker: TestBroker;
let key: string;

beforeAll(async () => {
  upstream = createServer((request, response) => {
    request.resume();
    request.on("end", () => (request.method === "POST" ? answer(response) : response.end("{}")));
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const { port } = upstream.address() as AddressInfo;
  broker = await startTestBroker({
    providers: {
      gpu: {
        baseUrl: `http://127.0.0.1:${port}/v1`,
        price: { input: 1, output: 1 },
        yaml: "engine: openai",
      },
    },
    models: ["chat", "embed"]
      .map((name) => `  ${name}:\n    serve: [{ provider: gpu, model: m }]\n    max_attempts: 1`)
      .join("\n"),
  });
  ({ key } = await broker.key());
});
afterAll(async () => {
  await broker.stop();
  upstream.close();
  upstream.closeAllConnections();
});

interface Row {
  readonly status: string;
  readonly prompt: number;
  readonly completion: number;
  readonly estimated: boolean;
  readonly overrun: number;
}

async function rowOf(job: string | null): Promise<Row | undefined> {
  const { rows } = await broker.database.pool.query<Row>(
    `select status, prompt_tokens as prompt, completion_tokens as completion, estimated,
       overrun_nanos::float8 as overrun from ledger where job_id = $1`,
    [job],
  );
  return rows[0];
}

async function asked(fields: object, path = "chat/completions") {
  const response = await fetch(`${broker.baseUrl}/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: path === "embeddings" ? "embed" : "chat",
      ...(path === "embeddings"
        ? { input: "a" }
        : { messages: [{ role: "user", content: "Hi" }], max_tokens: 100 }),
      ...fields,
    }),
  });
  const text = await response.text();
  const row = await rowOf(response.headers.get("x-spillway-job-id"));
  return { status: response.status, text, row };
}

const words = "Blue herons wade.";
const whole = (more: object = {}, choice: object = {}, count = 1) =>
  JSON.stringify({
    id: "c",
    object: "chat.completion",
    choices: Array.from({ length: count }, (_, index) => ({
      index,
      message: { role: "assistant", content: words },
      finish_reason: "stop",
      ...choice,
    })),
    usage: { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 },
    ...more,
  });
const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const piece = (delta: object, finish: string | null = null, more: object = {}) =>
  event({ id: "c", choices: [{ index: 0, delta, finish_reason: finish }], ...more });
const usageOf = (prompt: number, completion: number) => ({
  usage: { prompt_tokens: prompt, completion_tokens: completion },
});
const done = "data: [DONE]\n\n";
const json = { "content-type": "application/json" };
const sse = { "content-type": "text/event-stream" };
const text = piece({ role: "assistant", content: words });
const stop = piece({}, "stop");

const plain = { status: "ok", prompt: 12, completion: 5, estimated: false, overrun: 0 };
/** The bytes of the text stand in for its tokens; the prompt's bound is more than its 12 tokens. */
const guessed = { status: "ok", completion: words.length, estimated: true };

test.each<[string, string | Buffer, object, object, object]>([
  [
    "no usage at the end but zeros",
    text + stop + event({ choices: [], ...usageOf(0, 0) }) + done,
    sse,
    {},
    guessed,
  ],
  ["usage of zeros in a whole answer", whole(usageOf(0, 0)), json, {}, guessed],
  ["no output beside text", whole(usageOf(12, 0)), json, {}, { ...guessed, prompt: 12 }],
  [
    "usage before the text alone",
    piece({ content: "" }, null, usageOf(12, 0)) + text + stop + done,
    sse,
    {},
    guessed,
  ],
  ["unreadable usage", whole({ usage: "many" }), json, {}, guessed],
  [
    "reasoning beyond the completion",
    whole({
      usage: {
        ...usageOf(12, 5).usage,
        total_tokens: 1017,
        completion_tokens_details: { reasoning_tokens: 1000 },
      },
    }),
    json,
    { max_tokens: 2000 },
    { ...plain, completion: 1005 },
  ],
  [
    "two choices of which one is told",
    whole({}, {}, 2),
    json,
    { n: 2 },
    { ...guessed, completion: 2 * words.length, prompt: 12 },
  ],
  ["no [DONE]", text + stop + event({ choices: [], ...usageOf(12, 5) }), sse, {}, plain],
  ["no finish reason", whole({}, { finish_reason: null }), json, {}, plain],
  ["a finish reason that nobody knows", whole({}, { finish_reason: "load" }), json, {}, plain],
  [
    "an empty error",
    whole({ error: { message: "", type: "", param: "", code: null } }),
    json,
    {},
    plain,
  ],
  [
    "gzip that nobody asked for",
    gzipSync(whole()),
    { ...json, "content-encoding": "gzip" },
    {},
    plain,
  ],
  [
    "a stream under a JSON label",
    text + stop + event({ choices: [], ...usageOf(12, 5) }) + done,
    json,
    {},
    plain,
  ],
])(
  "%s: the answer is delivered, whole and streamed, and paid",
  async (_what, body, headers, fields, row) => {
    answer = (response) => void response.writeHead(200, { ...headers }).end(body);
    const one = await asked(fields);
    expect(one.status).toBe(200);
    expect(JSON.parse(one.text)).toHaveProperty("choices.0.message.content", words);
    expect(one.row).toMatchObject(row);
    const many = await asked({ ...fields, stream: true });
    expect(many.text).toContain(`"content":"${words}"`);
    expect(many.text.endsWith(done)).toBe(true);
    expect(many.row).toMatchObject(row);
  },
);

test("usage beyond the hold: the hold is paid, the rest is an overrun", async () => {
  answer = (response) => void response.writeHead(200, json).end(whole(usageOf(40_000, 200)));
  const { row } = await asked({});
  expect(row).toMatchObject({ prompt: 40_000, completion: 200, estimated: true });
  expect(row?.overrun).toBeGreaterThan(30_000_000);
});

test("Ollama's zeros on every chunk do not make a stream free that is hung up on", async () => {
  answer = (response) => {
    response.writeHead(200, sse);
    response.write(piece({ content: words }, null, usageOf(0, 0)));
  };
  const leaver = new AbortController();
  const response = await fetch(`${broker.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "chat",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
    }),
    signal: leaver.signal,
  });
  const job = response.headers.get("x-spillway-job-id");
  const first = await response.body?.getReader().read();
  expect(Buffer.from(first?.value ?? []).toString()).not.toContain("usage");
  leaver.abort();
  await eventually(async () => {
    expect(await rowOf(job)).toMatchObject({ ...guessed, status: "cancelled" });
  });
});

test("an embedding that is null is no answer, and costs its prompt", async () => {
  answer = (response) =>
    void response
      .writeHead(200, json)
      .end('{"data":[{"embedding":null}],"usage":{"prompt_tokens":4}}');
  const { status, row } = await asked({}, "embeddings");
  expect(status).toBe(502);
  expect(row).toMatchObject({ status: "failed", prompt: 4 });
});

test("the upstream's words reach the caller, packed or nested as they may be", async () => {
  const fault = {
    type: "extra_forbidden",
    loc: ["body", "foo"],
    msg: "Extra inputs are not permitted",
  };
  const body = JSON.stringify({ object: "error", message: { detail: [fault] }, param: null });
  answer = (response) =>
    void response.writeHead(422, { ...json, "content-encoding": "gzip" }).end(gzipSync(body));
  const { status, text: said } = await asked({});
  expect(status).toBe(400);
  expect(JSON.parse(said)).toMatchObject({ error: { message: fault.msg, param: "foo" } });
});
