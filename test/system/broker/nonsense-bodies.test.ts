import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { expectUntouched } from "./budget-view.ts";

let broker: TestBroker;
let key: string;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, price: { input: 1, output: 1 } } },
    models: [
      "  chat:",
      "    serve: [{ provider: gpu, model: m }]",
      "    max_output_tokens: 1000",
      "    output_cap: refuse",
      "  embed:",
      "    serve: [{ provider: gpu, model: e }]",
    ].join("\n"),
    server: "{ body_limit: 2MiB }",
  });
  ({ key } = await broker.key({ budget: { limit_usd: 1_000_000, period: "day" } }));
});
afterAll(() => broker.stop());

/**
 * A request that is refused here leaves nothing in the database and does not reach the upstream.
 */
afterEach(() => expectUntouched(broker));

interface ErrorAnswer {
  readonly status: number;
  readonly retry: string | null;
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly code: string;
    readonly param: string | null;
  };
}

async function post(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<ErrorAnswer> {
  const response = await fetch(`${broker.baseUrl}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
  const { error } = (await response.json()) as Pick<ErrorAnswer, "error">;
  return { status: response.status, retry: response.headers.get("x-should-retry"), error };
}

/**
 * Replaces fields of a valid request. Their values are JSON text, so that any number can be
 * written.
 */
function chat(fields: Readonly<Record<string, string>>): string {
  const all = { model: '"chat"', messages: '[{"role":"user","content":"Hi"}]', ...fields };
  return `{${Object.entries(all)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(",")}}`;
}

const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

test.each<[string, string | Buffer, string]>([
  ["nothing", "", "invalid_json"],
  ["no JSON", "{", "invalid_json"],
  ["a word", "hello", "invalid_json"],
  ["a trailing comma", chat({}).replace(/}$/, ",}"), "invalid_json"],
  ["two objects", `${chat({})}${chat({})}`, "invalid_json"],
  ["NaN", chat({ temperature: "NaN" }), "invalid_json"],
  ["a raw NUL", chat({}).replace("Hi", "H\0i"), "invalid_json"],
  ["a bare NUL", "\0", "invalid_json"],
  [
    "invalid UTF-8",
    Buffer.concat([Buffer.from('{"model":"'), Buffer.of(0xff), Buffer.from('"}')]),
    "invalid_json",
  ],
  [
    "a raw surrogate",
    Buffer.concat([Buffer.from('{"model":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}')]),
    "invalid_json",
  ],
  [
    "overlong UTF-8",
    Buffer.concat([Buffer.from('{"model":"'), Buffer.of(0xc0, 0x80), Buffer.from('"}')]),
    "invalid_json",
  ],
  ["UTF-16", Buffer.from(chat({}), "utf16le"), "invalid_json"],
  ["an array", `[${chat({})}]`, "invalid_request"],
  ["null", "null", "invalid_request"],
  ["a number", "1e999", "invalid_request"],
  ["a string", '"chat"', "invalid_request"],
  ["100,000 arrays", deep(100_000), "invalid_request"],
  ["100,000 arrays in a field", chat({ x: deep(100_000) }), "invalid_request"],
  ["100,000 objects", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`, "invalid_request"],
  ["100,000 open arrays", "[".repeat(100_000), "invalid_request"],
])("a body that is %s", async (_name, body, code) => {
  const { status, retry, error } = await post("/chat/completions", body);
  expect(status).toBe(400);
  expect(retry).toBe("false");
  expect(error).toEqual({
    message: expect.any(String),
    type: "invalid_request_error",
    code,
    param: null,
  });
});

const wrongNumbers = ["-1", "0", "1.5", "1e999", "-1e999", '"5"', "true", "[]", "{}"];
/** The cap -1 means no cap. */
const wrongCaps = ["-2", ...wrongNumbers.slice(1)];
const tooLarge = ["1001", "2147483648", "9223372036854775808", "1e300", `1${"0".repeat(400)}`];
const fieldsAtFault: readonly [string, readonly string[]][] = [
  ["max_tokens", [...wrongCaps, ...tooLarge]],
  ["max_completion_tokens", [...wrongCaps, ...tooLarge]],
  ["n", [...wrongNumbers, "1e9", "9223372036854775808"]],
  ["model", ["null", "1", '""', "[]", "{}", '["chat"]']],
  ["messages", ["null", "[]", "{}", '"Hi"', "1"]],
  ["temperature", ['"1"', "1e999"]],
  ["top_p", ['"1"', "1e999"]],
  ["stream", ['"true"', "1", "[]"]],
  ["stop", ["1", "{}", "[1]"]],
  ["seed", ["1.5", '"1"', "1e999"]],
  ["service_tier", ["1", "[]"]],
  ["tools", ["{}", '"x"']],
  ["logit_bias", ['"x"', "1"]],
  ["response_format", ['"json"', "{}"]],
  ["metadata", ['"x"', "[1]"]],
  ["user", ["1"]],
];

test.each(
  fieldsAtFault.flatMap(([field, values]) => values.map((value) => [field, value] as const)),
)("%s: %s", async (field, value) => {
  const shown = value.length > 40 ? value.slice(0, 40) : value;
  const { status, error } = await post("/chat/completions", chat({ [field]: value }));
  expect({ shown, status, type: error.type }).toEqual({
    shown,
    status: 400,
    type: "invalid_request_error",
  });
  // The error may also name an item of the list.
  expect(error.param).toMatch(new RegExp(String.raw`^${field}(\[|\.|$)`));
  expect(error.message).not.toBe("");
});

test.each<[string, string, string]>([
  ["a message without a role", chat({ messages: '[{"content":"Hi"}]' }), "messages[0].role"],
  [
    "a content that is a number",
    chat({ messages: '[{"role":"user","content":1}]' }),
    "messages[0].content",
  ],
  ["a number that no double holds, deep inside", chat({ x: '{"y":[0,1e400]}' }), "x.y[1]"],
  ["stream options without a stream", chat({ stream_options: "{}" }), "stream_options"],
  ["__proto__", chat({ __proto: "1" }).replace("__proto", "__proto__"), "__proto__"],
  ["an escaped __proto__ inside", chat({ x: String.raw`{"\u005f_proto__":{"a":1}}` }), "__proto__"],
  [
    "constructor.prototype",
    chat({ x: '{"constructor":{"prototype":{}}}' }),
    "constructor.prototype",
  ],
  ["a model with an odd name", chat({ model: String.raw`"\u0000\ud800__proto__"` }), "model"],
  ["a model named __proto__", chat({ model: '"__proto__"' }), "model"],
  ["a model of another kind", chat({ model: '"embed"' }), "model"],
  [
    "the last of duplicate keys, when that is wrong",
    chat({}).replace("{", '{"n":1,').replace(/}$/, ',"n":-1}'),
    "n",
  ],
  ["a huge n", chat({ n: String(2 ** 31) }), "n"],
])("%s", async (_name, body, param) => {
  const { status, error } = await post("/chat/completions", body);
  expect([400, 404]).toContain(status);
  expect(error.param).toBe(param);
});

test.each<[string, string, string, string]>([
  ["/completions", "a prompt that is an object", '{"model":"chat","prompt":{}}', "prompt"],
  ["/completions", "prompts of two kinds", '{"model":"chat","prompt":["a",1]}', "prompt[1]"],
  ["/completions", "negative tokens", '{"model":"chat","prompt":[1,-1]}', "prompt[1]"],
  ["/completions", "best_of below n", '{"model":"chat","prompt":"a","n":3,"best_of":2}', "best_of"],
  ["/embeddings", "no input", '{"model":"embed"}', "input"],
  ["/embeddings", "an empty input", '{"model":"embed","input":""}', "input"],
  [
    "/embeddings",
    "negative dimensions",
    '{"model":"embed","input":"a","dimensions":-1}',
    "dimensions",
  ],
  [
    "/embeddings",
    "an unknown encoding",
    '{"model":"embed","input":"a","encoding_format":"hex"}',
    "encoding_format",
  ],
  ["/embeddings", "a chat model", '{"model":"chat","input":"a"}', "model"],
])("%s with %s", async (path, _name, body, param) => {
  const { status, error } = await post(path, body);
  expect(status).toBe(400);
  expect(error.param).toBe(param);
});

test("a body over the limit is 413, told at its beginning or sent in pieces", async () => {
  const body = chat({ x: JSON.stringify("y".repeat(2 * 1024 * 1024)) });
  const whole = await post("/chat/completions", body);
  expect(whole).toMatchObject({ status: 413, error: { code: "payload_too_large" } });
  const pieces = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from(body));
      controller.close();
    },
  });
  const response = await fetch(`${broker.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: pieces,
    duplex: "half",
  });
  expect(response.status).toBe(413);
  await response.arrayBuffer();
});

test("another content type is 415", async () => {
  for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/xml", "x"]) {
    const answer = await post("/chat/completions", chat({}), { "content-type": type });
    expect({ type, status: answer.status }).toEqual({ type, status: 415 });
  }
});
