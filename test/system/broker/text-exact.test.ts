import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startRecordingUpstream, type RecordingUpstream } from "./recording-upstream.ts";

let upstream: RecordingUpstream;
let broker: TestBroker;
let key: string;
beforeAll(async () => {
  upstream = await startRecordingUpstream();
  broker = await startTestBroker({
    providers: { gpu: { baseUrl: upstream.url } },
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
  ({ key } = await broker.key());
});
afterAll(async () => {
  await broker.stop();
  await upstream.close();
});

/**
 * Sends a body as it stands; returns the text that the upstream received and the answer's bytes.
 */
async function send(body: string | Buffer): Promise<{ sent: string; answer: string }> {
  const before = upstream.bodies.length;
  const response = await fetch(`${broker.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
  const answer = await response.text();
  expect({ status: response.status, answer }).toMatchObject({ status: 200 });
  expect(upstream.bodies).toHaveLength(before + 1);
  return { sent: upstream.bodies[before]?.toString() ?? "", answer };
}

const choice = '{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}';
/** The broker adds these fields, because it reads streams and joins them into whole answers. */
const streamed = '"stream":true,"stream_options":{"include_usage":true}';
const messages = '"messages":[{"role":"user","content":"Hi"}]';

test("numbers beyond a double reach the upstream digit by digit", async () => {
  upstream.answerWith({ json: { choices: [JSON.parse(choice)] } });
  const fields = [
    '"seed":9223372036854775807',
    '"x":{"ids":[18446744073709551615,-9223372036854775808],"pi":3.14159265358979323846264338}',
    '"tiny":1e-400',
    '"zero":-0',
    '"padded":1.0000000000000000',
    '"exponent":12345678901234567890e1',
  ];
  const { sent } = await send(`{"model":"chat",${messages},${fields.join(",")}}`);
  expect(sent).toBe(`{"model":"m","max_tokens":4096,${streamed},${messages},${fields.join(",")}}`);
});

test("an answer's bytes reach the caller untouched, its odd numbers and spaces, too", async () => {
  const body = `{ "choices" : [ ${choice} ],\n\t"id":18446744073709551615, "x":"\\u0041\\ud800", "y":1.0 }`;
  upstream.answerWith({ text: body });
  const { answer } = await send(`{"model":"chat",${messages}}`);
  expect(answer).toBe(body);
});

test("an event's data reaches the caller untouched", async () => {
  const data = [
    `{ "choices" : [ {"index":0,"delta":{"role":"assistant","content":"a\\u2028\u2028\\ud83d"},"finish_reason":null} ], "n":1.0 }`,
    `{"choices":[{"index":0,"delta":{"content":"\\ude00\ufeff"},"finish_reason":"stop"}],"id":18446744073709551615}`,
    "[DONE]",
  ];
  const events = data.map((item) => `data: ${item}\n\n`).join("");
  upstream.answerWith({ events });
  const { answer } = await send(`{"model":"chat",${messages},"stream":true}`);
  // The broker escapes line ends that only Python knows, which leaves the JSON the same.
  expect(answer).toBe(events.replaceAll("\u2028", String.raw`\u2028`));
});

test("escapes become what they stand for, lone surrogates stay escapes", async () => {
  upstream.answerWith({ text: `{"choices":[${choice}]}` });
  const content = String.raw`\u0000 \ud800 \udc00\ud83d \ud83d\ude00 \u2028 \/ \u00e9`;
  const { sent } = await send(
    `{"model":"chat","messages":[{"role":"user","content":"${content}"}]}`,
  );
  expect(sent).toContain(`"content":"${String.raw`\u0000 \ud800 \udc00\ud83d`} 😀 \u2028 / é"`);
});

test("the last of duplicate keys counts, for the broker and for the upstream", async () => {
  const body = `{"model":"absent",${messages},"max_tokens":-1,"seed":1,"seed":2,"max_tokens":7,"model":"chat"}`;
  const { sent } = await send(body);
  expect(JSON.parse(sent)).toEqual({
    model: "m",
    max_tokens: 7,
    stream: true,
    stream_options: { include_usage: true },
    seed: 2,
    messages: [{ role: "user", content: "Hi" }],
  });
  expect(sent.match(/"(model|max_tokens|seed)":/g)).toHaveLength(3);
});

test("a byte order mark before the body is no part of it", async () => {
  const { sent } = await send(
    Buffer.from(`\ufeff{"model":"chat",${messages},"seed":9007199254740993}`),
  );
  expect(sent).toBe(
    `{"model":"m","max_tokens":4096,${streamed},${messages},"seed":9007199254740993}`,
  );
});
