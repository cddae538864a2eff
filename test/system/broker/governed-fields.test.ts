import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startRecordingUpstream, type RecordingUpstream } from "./recording-upstream.ts";

const message = { role: "assistant", content: "Hi" };
const answer = {
  choices: [{ index: 0, message, text: "Hi", finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

let upstream: RecordingUpstream;
let broker: TestBroker;
let key: string;
beforeAll(async () => {
  upstream = await startRecordingUpstream();
  // Without a readable answer the provider would rest, and the callers would wait with it.
  upstream.answerWith({ json: answer });
  broker = await startTestBroker({
    providers: {
      gpu: { baseUrl: upstream.url, yaml: "responses: translate" },
      native: { baseUrl: upstream.url, yaml: "responses: native" },
    },
    models: [
      "  chat: { serve: [{ provider: gpu, model: up }], max_output_tokens: 100 }",
      "  strict: { serve: [{ provider: gpu, model: up }], max_output_tokens: 100, output_cap: refuse }",
      "  native: { serve: [{ provider: native, model: up }], max_output_tokens: 100 }",
      "  embed: { serve: [{ provider: gpu, model: up }] }",
    ].join("\n"),
  });
  ({ key } = await broker.key());
});
afterAll(async () => {
  await broker.stop();
  await upstream.close();
});
let before = 0;
beforeEach(() => {
  before = upstream.bodies.length;
});

const messages = [{ role: "user", content: "Hi" }];
const requests: Readonly<Record<string, object>> = {
  "chat/completions": { model: "chat", messages },
  completions: { model: "chat", prompt: "Hi" },
  embeddings: { model: "embed", input: "Hi" },
  responses: { model: "chat", input: "Hi", store: false },
};

async function post(path: string, fields: object | string) {
  const response = await fetch(`${broker.baseUrl}/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: typeof fields === "string" ? fields : JSON.stringify({ ...requests[path], ...fields }),
  });
  const text = await response.text();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  const body = (isStream ? {} : JSON.parse(text)) as {
    error?: { param: string; message: string };
  };
  return { status: response.status, headers: response.headers, body };
}

const sent = () => {
  const last = upstream.bodies.slice(before).at(-1);
  return last === undefined ? undefined : (JSON.parse(last.toString()) as Record<string, unknown>);
};

test.each<[string, object, string]>([
  ["responses", { max_output_tokens: 5, max_tokens: 100_000 }, "max_tokens"],
  ["responses", { max_output_tokens: 5, max_completion_tokens: 9 }, "max_completion_tokens"],
  ["responses", { messages: [{ role: "user", content: "OTHER" }] }, "messages"],
  ["responses", { n: 4 }, "n"],
  ["responses", { model: "native", n_predict: 9 }, "n_predict"],
  ["responses", { model: "native", Max_Output_Tokens: 9 }, "Max_Output_Tokens"],
  ["chat/completions", { max_tokens: 5, n_predict: 100_000 }, "n_predict"],
  ["chat/completions", { MAX_TOKENS: 100_000 }, "MAX_TOKENS"],
  ["chat/completions", { max_toKens: 100_000 }, "max_to\u212Aens"],
  ["chat/completions", { Model: "dear" }, "Model"],
  ["chat/completions", { meſſages: messages }, "me\u017F\u017Fages"],
  ["chat/completions", { Stream: true }, "Stream"],
  ["chat/completions", { options: { num_predict: 9 } }, "options.num_predict"],
  ["chat/completions", { extra_body: { vendor: [{ n: 9 }] } }, "extra_body.vendor[0].n"],
  ["chat/completions", { extra_body: { max_tokens: null } }, "extra_body.max_tokens"],
  ["chat/completions", { features: { web_search: true } }, "features.web_search"],
  ["chat/completions", { n_cmpl: 8 }, "n_cmpl"],
  ["chat/completions", { use_beam_search: true }, "use_beam_search"],
  ["chat/completions", { lora_path: "dear" }, "lora_path"],
  ["chat/completions", { models: ["dear"] }, "models"],
  ["chat/completions", { prompt: "OTHER" }, "prompt"],
  ["chat/completions", { input_ids: [1] }, "input_ids"],
  ["chat/completions", { Tools: [{ type: "web_search" }] }, "Tools"],
  ["chat/completions", { images: ["file:///etc/passwd"] }, "images"],
  [
    "chat/completions",
    { messages: [{ role: "user", content: "x", Content: [{ type: "image_url" }] }] },
    "messages[0].Content",
  ],
  ["completions", { prompt: ["a", "b"], num_return_sequences: 4 }, "num_return_sequences"],
  ["completions", { messages }, "messages"],
  ["completions", { parameters: { max_new_tokens: 9 } }, "parameters.max_new_tokens"],
  ["embeddings", { prompt: "OTHER" }, "prompt"],
  ["embeddings", { Encoding_Format: "base64" }, "Encoding_Format"],
])("%s %j: refused by naming %s, and nothing is called", async (path, fields, param) => {
  const { status, body } = await post(path, fields);
  expect({ status, param: body.error?.param }).toEqual({ status: 400, param });
  expect(body.error?.message).toContain(param);
  expect(sent()).toBeUndefined();
});

/** The broker adds these fields, because it reads streams and joins them into whole answers. */
const streamed = { stream: true, stream_options: { include_usage: true } };

test("of a name that stands twice, what is checked is what is sent", async () => {
  await post(
    "chat/completions",
    '{"model":"nope","max_tokens":90,"n":9,"model":"chat","messages":[],"messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"n":1}',
  );
  expect(upstream.bodies.at(-1)?.toString()).toBe(
    `{"model":"up","max_tokens":5,"stream":true,"stream_options":{"include_usage":true},"n":1,"messages":${JSON.stringify(messages)}}`,
  );
});

test("what says nothing under such a name is left out, what is the engine's own passes", async () => {
  const own = {
    top_k: 4,
    guided_json: { properties: { max_tokens: {}, model: {} } },
    chat_template_kwargs: { enable_thinking: false },
    ignore_eos: true,
    features: { web_search: false, code_interpreter: false },
  };
  const silent = { n_predict: -1, num_beams: 1, use_beam_search: false, prompt: null, images: [] };
  await post("chat/completions", { max_tokens: 5, metadata: { a: "1" }, ...silent, ...own });
  expect(sent()).toEqual({ model: "up", max_tokens: 5, messages, ...streamed, ...own });
});

test.each<[string, object, number | undefined]>([
  ["chat/completions", { max_tokens: 32_000 }, 100],
  ["chat/completions", { max_completion_tokens: 80_000, stream: true }, 100],
  ["completions", { max_tokens: 101 }, 100],
  ["responses", { max_output_tokens: 32_000 }, 100],
  ["chat/completions", { max_tokens: 100 }, undefined],
  ["chat/completions", { max_tokens: -1, max_completion_tokens: -1 }, undefined],
  ["chat/completions", {}, undefined],
])("%s %j: the cap is the route's, and said to be lowered: %s", async (path, fields, lowered) => {
  const { headers } = await post(path, fields);
  expect(sent()).toMatchObject({ max_tokens: 100 });
  expect(headers.get("x-spillway-max-output-tokens")).toBe(lowered?.toString() ?? null);
});

test("a route may refuse instead", async () => {
  const { status, body } = await post("chat/completions", { model: "strict", max_tokens: 101 });
  expect({ status, param: body.error?.param }).toEqual({ status: 400, param: "max_tokens" });
});
