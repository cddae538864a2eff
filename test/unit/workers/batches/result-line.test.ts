import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { EndedLine } from "../../../../shared/batches/result-statements.ts";
import { resultLine } from "../../../../workers/batches/result-line.ts";

function ended(fields: Partial<EndedLine>): EndedLine {
  return {
    line: 7,
    custom_id: "a",
    job_id: "job_0123",
    state: "done",
    refusal: null,
    job_state: "done",
    error_code: null,
    error: null,
    facts: "{}",
    body: null,
    compressed: false,
    ...fields,
  };
}

const answered = (answer: string | Buffer, fields: Partial<EndedLine> = {}): EndedLine =>
  ended({ body: Buffer.from(answer), ...fields });

const whole = (answer: string): string =>
  `{"id":"batch_req_0123","custom_id":"a","response":{"status_code":200,"request_id":"job_0123","body":${answer}},"error":null}\n`;

test("an answer stands in its line as it came", async () => {
  const answer = '{"n":12345678901234567890,"t":"a\\nb\\u2028","x":1.0,"x":2}';
  expect(await resultLine(answered(answer))).toEqual({
    file: "output",
    text: whole(answer),
    usage: undefined,
  });
});

test("an answer over several lines becomes one line that says the same", async () => {
  const answer = { choices: [{ message: { content: "a\r\nb" } }], usage: null };
  for (const end of ["\n", "\r\n", "\n\n"]) {
    const pretty = JSON.stringify(answer, null, 2).replaceAll("\n", end);
    const { text } = await resultLine(answered(`${end}${pretty}${end}`));
    expect(text.split(/[\r\n]/)).toEqual([text.trimEnd(), ""]);
    expect(JSON.parse(text)).toMatchObject({ response: { body: answer } });
  }
});

test("nothing in a line ends a line to Python", async () => {
  const said = "a\u0085b\u2028c\u2029d\\\u2028";
  const { text } = await resultLine(
    answered(JSON.stringify({ [said]: said }), { custom_id: said }),
  );
  // Python's `str.splitlines()` splits at each of these; JSON escapes all but the last three.
  const ends = ["\n", "\r", "\v", "\f", "\u001c", "\u001d", "\u001e", "\u0085", "\u2028", "\u2029"];
  expect(ends.filter((end) => text.trimEnd().includes(end))).toEqual([]);
  expect(JSON.parse(text)).toMatchObject({
    custom_id: said,
    response: { body: { [said]: said } },
  });
});

test("a compressed answer is read", async () => {
  const body = gzipSync('{"a":1}');
  expect((await resultLine(answered(body, { compressed: true }))).text).toBe(whole('{"a":1}'));
});

test("ids of any characters are written as JSON", async () => {
  const id = 'a"\\\n\u2028é😀\u0001';
  const { text } = await resultLine(answered("{}", { custom_id: id }));
  expect(text.indexOf("\n")).toBe(text.length - 1);
  expect(JSON.parse(text)).toMatchObject({ custom_id: id });
});

test("embeddings are base64 when their request wanted it", async () => {
  const answer = '{"data":[{"embedding":[1,-0.5],"index":0}],"usage":{"prompt_tokens":3}}';
  const { text, usage } = await resultLine(answered(answer, { facts: '{"base64":true}' }));
  const line = JSON.parse(text) as {
    response: { body: { data: [{ embedding: string; index: number }] } };
  };
  const [{ embedding, index }] = line.response.body.data;
  const bytes = Buffer.from(embedding, "base64");
  expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.length, index]).toEqual([
    1, -0.5, 8, 0,
  ]);
  expect(usage).toMatchObject({ input: 3 });
  expect((await resultLine(answered(answer))).text).toBe(whole(answer));
});

const none = { line: 7, input: 0, cached: 0, output: 0, reasoning: 0 };

test.for<[string, unknown, object]>([
  [
    "chat",
    {
      prompt_tokens: 5,
      completion_tokens: 7,
      total_tokens: 12,
      prompt_tokens_details: { cached_tokens: 2 },
      completion_tokens_details: { reasoning_tokens: 3 },
    },
    { line: 7, input: 5, cached: 2, output: 7, reasoning: 3 },
  ],
  [
    "completions",
    { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
    { ...none, input: 5, output: 7 },
  ],
  ["embeddings", { prompt_tokens: 5, total_tokens: 5 }, { ...none, input: 5 }],
  [
    "responses",
    {
      input_tokens: 5,
      input_tokens_details: { cached_tokens: 2 },
      output_tokens: 7,
      output_tokens_details: { reasoning_tokens: 3 },
    },
    { line: 7, input: 5, cached: 2, output: 7, reasoning: 3 },
  ],
  ["null details", { prompt_tokens: 5, prompt_tokens_details: null }, { ...none, input: 5 }],
  ["no counts", {}, none],
  ["a text", "many", none],
  ["a list", [1], none],
  ["a number", 5, none],
  ["true", true, none],
  [
    "nonsense",
    {
      prompt_tokens: -1,
      completion_tokens: 1.5,
      prompt_tokens_details: "x",
      completion_tokens_details: [{ reasoning_tokens: 1 }],
    },
    none,
  ],
  [
    "counts beyond the database's",
    { prompt_tokens: 2 ** 31, completion_tokens: 2 ** 31 - 1 },
    { ...none, output: 2 ** 31 - 1 },
  ],
  ["texts as counts", { prompt_tokens: "5", completion_tokens: null }, none],
])("usage of %s is counted", async ([, usage, counted]) => {
  expect((await resultLine(answered(JSON.stringify({ usage })))).usage).toEqual(counted);
});

test("infinite usage counts as none", async () => {
  expect((await resultLine(answered('{"usage":{"prompt_tokens":1e999}}'))).usage).toEqual(none);
});

test.for(["{}", '{"usage":null}'])("an answer without usage, %s, has none", async (answer) => {
  expect((await resultLine(answered(answer))).usage).toBeUndefined();
});

const failure = (status: number, body: object): string =>
  `{"id":"batch_req_0123","custom_id":"a","response":{"status_code":${status},"request_id":"job_0123","body":${JSON.stringify(body)}},"error":null}\n`;

test("a failed job tells why, as its caller would have been told", async () => {
  const error = { code: "upstream_rejected", message: "no", param: "x", wireCode: "bad" };
  const line = ended({ state: "failed", job_state: "failed", error: JSON.stringify(error) });
  expect(await resultLine(line)).toEqual({
    file: "errors",
    text: failure(400, {
      error: { message: "no", type: "invalid_request_error", code: "bad", param: "x" },
    }),
    usage: undefined,
  });
});

test("a failed job without words of its own has its state's", async () => {
  const { text } = await resultLine(ended({ state: "failed", job_state: "failed" }));
  expect(JSON.parse(text)).toMatchObject({
    response: { status_code: 502, body: { error: { code: "upstream_failed" } } },
    error: null,
  });
});

test.for<[string, Partial<EndedLine>]>([
  ["whose job is there", {}],
  ["whose job has gone", { job_state: null, facts: null, compressed: null }],
])("a done line without an answer, %s, says that it is lost", async ([, fields]) => {
  const { file, text } = await resultLine(ended(fields));
  expect(file).toBe("errors");
  expect(JSON.parse(text)).toMatchObject({
    response: { status_code: 502, body: { error: { code: "answer_lost" } } },
  });
});

test("a refused line has the refusal", async () => {
  const body = { error: { message: "m", type: "t", code: "c", param: null } };
  const refusal = JSON.stringify({ status: 404, body });
  const line = ended({ state: "refused", refusal, job_state: null });
  expect(await resultLine(line)).toEqual({
    file: "errors",
    text: failure(404, body),
    usage: undefined,
  });
});

test.for([
  ["expired", "batch_expired"],
  ["cancelled", "batch_cancelled"],
] as const)("a line that was %s has no response, but a code", async ([state, code]) => {
  const { file, text } = await resultLine(ended({ state, job_state: null }));
  expect(file).toBe("errors");
  expect(JSON.parse(text)).toEqual({
    id: "batch_req_0123",
    custom_id: "a",
    response: null,
    error: { code, message: expect.stringContaining("not") as unknown },
  });
});

test("the same line makes the same text", async () => {
  const line = answered('{"data":[{"embedding":[0.1,0.2]}]}', { facts: '{"base64":true}' });
  expect(await resultLine(line)).toEqual(await resultLine({ ...line }));
});
