import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

/** The simulator answers with the prompt, in tokens of four characters. */
const ECHO = "[sim echo]";

let broker: TestBroker;
let client: OpenAI;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4 } },
    models: [
      "  chat:",
      "    serve: [{ provider: gpu, model: m }]",
      "    max_output_tokens: 100000",
    ].join("\n"),
  });
  const { key } = await broker.key({ budget: { limit_usd: 1, period: "day" } });
  client = new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 });
});
afterAll(() => broker.stop());

const long = "Zwölf große Boxkämpfer 🥊 jagen Viktor quer über den Sylter Deich. 漢字\n";

const texts: Readonly<Record<string, string>> = {
  "NUL and other controls": "a\0b\u0001\u001f\u007f\u0080\u009f\r\n\t\0",
  "lone surrogates": "high \ud800, low \udfff, turned round \udc00\ud800, at the end \udbff",
  emoji: "🥊👩‍👩‍👧‍👦🏳️‍🌈🇨🇭e\u0301",
  "right to left": "שלום \u202eעולם\u202c مرحبا \u2067بالعالم\u2069",
  "zero width": "a\u200bb\u200cc\u200dd\u2060e\u00adf",
  "four bytes": "𝒳𐍈\u{10ffff}\u{1f600}",
  "line separators": "one\u2028two\u2029three\u0085four\u000bfive\u000csix",
  "byte order marks": "\ufeffbegin, mid\ufeffdle, end\ufeff",
  noncharacters: "\ufffe\uffff\ufdd0\u{1fffe}\ufffd",
  "what looks like events": "data: [DONE]\n\nevent: error\ndata: {}\n\n: comment\r\n\r\nid: 1\n\n",
  "what looks like JSON": String.raw`{"a":"\u0000\ud800"}\\"\/\b` + "\\u0000",
  "what looks like keys and statements": `__proto__ constructor $1 %s '; drop table jobs; -- \\x00`,
  "60 KB": long.repeat(Math.ceil(60_000 / Buffer.byteLength(long))),
};

describe.each(Object.entries(texts))("a prompt with %s comes back whole", (_name, content) => {
  const prompt = `${content}${ECHO}${content}`;

  test("sync", async () => {
    const answer = await client.chat.completions.create({
      model: "chat",
      messages: [{ role: "user", content: prompt }],
    });
    expect(answer.choices[0]?.message.content).toBe(prompt);
    expect(answer.choices[0]?.finish_reason).toBe("stop");
  });

  test("as a stream", async () => {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages: [{ role: "user", content: prompt }],
      stream: true,
    });
    let text = "";
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
    expect(text).toBe(prompt);
  });

  test("as a completion", async () => {
    const answer = await client.completions.create({ model: "chat", prompt });
    expect(answer.choices[0]?.text).toBe(prompt);
  });
});

test("every 16-bit unit comes back, sync and as a stream", async () => {
  const units = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit));
  const prompt = `${units.join("|")}${ECHO}`;
  const messages = [{ role: "user" as const, content: prompt }];
  const answer = await client.chat.completions.create({ model: "chat", messages });
  expect(answer.choices[0]?.message.content === prompt).toBe(true);
  const stream = await client.chat.completions.create({ model: "chat", messages, stream: true });
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  expect(text === prompt).toBe(true);
});
