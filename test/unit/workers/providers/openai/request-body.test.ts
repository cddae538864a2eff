import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JobRequest } from "../../../../../shared/contracts/job-request.ts";
import { requestBody } from "../../../../../workers/providers/openai/request-body.ts";

function request(other: Partial<JobRequest> = {}): JobRequest {
  return {
    endpoint: "chat.completions",
    stream: false,
    wantsUsage: false,
    choices: 1,
    maxOutputTokens: 16,
    body: "{}",
    ...other,
  };
}

/** Reads what a target gets of a request without an output cap. */
const sent = (other: Partial<JobRequest>) =>
  JSON.parse(requestBody(request({ maxOutputTokens: null, ...other }), "m", "max_tokens")) as {
    stream_options?: unknown;
  };

describe("the output cap", () => {
  test.each([
    ["chat.completions", "max_tokens", { model: "m", max_tokens: 16 }],
    ["chat.completions", "max_completion_tokens", { model: "m", max_completion_tokens: 16 }],
    // Completions know one name only, whatever the provider takes for chat.
    ["completions", "max_completion_tokens", { model: "m", max_tokens: 16 }],
  ] as const)("of %s at a target that takes %s", (endpoint, field, expected) => {
    expect(JSON.parse(requestBody(request({ endpoint }), "m", field))).toEqual(expected);
  });

  test("is not sent where there is none", () => {
    const embeddings = request({
      endpoint: "embeddings",
      maxOutputTokens: null,
      body: '{"input":"x"}',
    });
    expect(requestBody(embeddings, "m", "max_tokens")).toBe('{"model":"m","input":"x"}');
  });
});

describe("the caller's text", () => {
  test.each([
    ["{}", '{"model":"m","max_tokens":16}'],
    ["{ }", '{"model":"m","max_tokens":16 }'],
    [" \n{\t}\r\n", '{"model":"m","max_tokens":16\t}\r\n'],
    ['{"a":1}', '{"model":"m","max_tokens":16,"a":1}'],
    ['\n { "a" : [ ] } ', '{"model":"m","max_tokens":16, "a" : [ ] } '],
    ['{"}":{}}', '{"model":"m","max_tokens":16,"}":{}}'],
  ])("%j comes after what the broker writes, byte for byte", (body, expected) => {
    expect(requestBody(request({ body }), "m", "max_tokens")).toBe(expected);
    expect(() => JSON.parse(expected) as unknown).not.toThrow();
  });

  test("keeps what parsing would change: exact numbers, escapes, lone surrogates, doubled keys", () => {
    const body = String.raw`{"n":1e400,"i":12345678901234567890,"z":-0.0,"t":"\u0000\ud800\u00e9","x":1,"x":2}`;
    expect(requestBody(request({ body }), "m", "max_tokens")).toContain(body.slice(1));
  });

  test("any object arrives whole, with the broker's fields beside it", () => {
    const key = fc
      .string({ unit: "binary" })
      .filter((name) => !["model", "max_tokens", "stream_options", "__proto__"].includes(name));
    const space = fc.constantFrom("", " ", "\n", "\t \r\n");
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.jsonValue(), { noNullPrototype: true }),
        space,
        fc.string(),
        fc.integer({ min: 0, max: 4 }),
        (object, around, model, indent) => {
          const body = `${around}${JSON.stringify(object, null, indent)}${around}`;
          const text = requestBody(request({ body }), model, "max_tokens");
          expect(JSON.parse(text)).toEqual({
            ...(JSON.parse(body) as object),
            model,
            max_tokens: 16,
          });
        },
      ),
    );
  });

  test("a model name cannot break out of its field", () => {
    const text = requestBody(request(), '","admin":true,"x":"', "max_tokens");
    expect(JSON.parse(text)).toEqual({ model: '","admin":true,"x":"', max_tokens: 16 });
  });
});

describe("stream options", () => {
  test("always ask for usage", () => {
    expect(sent({ stream: true }).stream_options).toEqual({ include_usage: true });
  });

  test.each([
    ['{"include_usage":false}', { include_usage: true }],
    ['{"include_obfuscation":false}', { include_obfuscation: false, include_usage: true }],
    ['{"later":{"deep":[1]},"include_usage":true}', { later: { deep: [1] }, include_usage: true }],
    ["null", { include_usage: true }],
    ["{}", { include_usage: true }],
  ])("keep what the caller's %s says besides", (streamOptions, expected) => {
    expect(sent({ stream: true, streamOptions }).stream_options).toEqual(expected);
  });

  test("are not sent without a stream", () => {
    expect(sent({ stream: false, streamOptions: '{"include_usage":true}' })).toEqual({
      model: "m",
    });
  });
});
