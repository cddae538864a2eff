import { afterAll, beforeAll, expect, test } from "vitest";
import { inTransaction } from "../../../shared/db/in-transaction.ts";
import { createBatch } from "../../../shared/batches/create-batch.ts";
import { line, lines, startBatchRig, type BatchRig, type ShownBatch } from "./batch-rig.ts";

const LINE_LIMIT = 64 * 1024;
const URL = "/v1/chat/completions";

let rig: BatchRig;
let longLine: string;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: 4 } },
    models: "  chat: { serve: [{ provider: gpu, model: sim }] }",
    server: "{ body_limit: 64KiB }",
  });
  // The chunks are compressed, because writing 100 MB would take longest of all.
  const { pool } = rig.broker.database;
  await pool.query("alter table file_chunks alter column bytes set storage extended");
  longLine = await insertFile(400 * 262_144, 400);
  await pool.query("alter table file_chunks alter column bytes set storage external");
});
afterAll(() => rig.stop());

/** The upload would take too long in a test, so the row and its full chunks are inserted. */
async function insertFile(bytes: number, chunks = 0): Promise<string> {
  const id = `file-${crypto.randomUUID().replaceAll("-", "")}`;
  const { pool } = rig.broker.database;
  await pool.query(
    `insert into files (id, key_id, filename, purpose, bytes, state)
     values ($1, $2, 'large.jsonl', 'batch', $3, 'processed')`,
    [id, rig.keyId, bytes],
  );
  await pool.query(
    `insert into file_chunks (file_id, start, bytes)
     select $1, at * 262144, convert_to(repeat('x', 262144), 'UTF8')
     from generate_series(0, $2::int - 1) as at`,
    [id, chunks],
  );
  return id;
}

interface LineProblem {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly line: number | null;
}

/** Nothing ran, nothing was written, and the batch reports only these problems. */
async function expectFailed(batch: ShownBatch, problems: readonly LineProblem[]): Promise<void> {
  expect(batch.errors).toEqual({ object: "list", data: problems });
  expect(batch).toMatchObject({
    status: "failed",
    output_file_id: null,
    error_file_id: null,
    in_progress_at: null,
    finalizing_at: null,
    completed_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    usage: { total_tokens: 0 },
    cost: { amount: "0", currency: "usd" },
  });
  expect(batch.failed_at).toBeGreaterThanOrEqual(batch.created_at);
  const { rows } = await rig.broker.database.pool.query(
    `select (select count(*) from jobs where batch_id = $1)::int as jobs,
       (select count(*) from files where purpose = 'batch_output')::int as files`,
    [batch.id],
  );
  expect(rows).toEqual([{ jobs: 0, files: 0 }]);
  expect(rig.broker.upstreams["gpu"]?.counters().calls).toBe(0);
}

async function expectProblems(
  content: string | Buffer,
  problems: readonly LineProblem[],
): Promise<void> {
  const { id } = await rig.submit(content);
  await expectFailed(await rig.until(id, "failed"), problems);
}

const problem = (
  code: string,
  message: string,
  place: { readonly line?: number; readonly param?: string } = {},
): LineProblem => ({ code, message, param: place.param ?? null, line: place.line ?? null });

const notJson = (at: number): LineProblem =>
  problem("invalid_json_line", "This line could not be parsed as JSON.", { line: at });
const notUtf8 = (at: number): LineProblem =>
  problem("invalid_json_line", "This line is not valid UTF-8.", { line: at });
const blank = (at: number): LineProblem =>
  problem("blank_line", "A line in the middle of the file is blank.", { line: at });
const duplicate = (at: number, first: number): LineProblem =>
  problem("duplicate_custom_id", `The custom_id of this line is that of line ${first} too.`, {
    line: at,
    param: "custom_id",
  });
const missing = (at: number, param: string): LineProblem =>
  problem("missing_required_parameter", `Missing required parameter: '${param}'.`, {
    line: at,
    param,
  });
const tooLong = (at: number): LineProblem =>
  problem(
    "line_too_long",
    `This line is longer than ${LINE_LIMIT} bytes, the most that a request may have.`,
    { line: at },
  );
const tooMany = (at: number): LineProblem =>
  problem("too_many_lines", "A batch may have 50,000 requests.", { line: at });
const empty = problem("empty_file", "The file holds no request.");

const a = line("a");
const b = line("b");
const small = (id: number): string =>
  `{"custom_id":"${id}","method":"POST","url":"${URL}","body":{}}`;
const numbered = (count: number): string[] => Array.from({ length: count }, (_, at) => small(at));

test.concurrent.for<[string, string | Buffer, readonly LineProblem[]]>([
  ["a line feed alone", "\n", [empty]],
  ["blanks alone", " \t\r\n \r\n\t", [empty]],
  ["a byte order mark alone", "\ufeff", [notJson(1)]],
  ["a byte order mark that is a line", `\ufeff\n${a}`, [notJson(1)]],
  ["a blank line in the middle", `${a}\n\n${b}\n`, [blank(2)]],
  ["a line of blanks in the middle", `${a}\r\n \t\r\n${b}\r\n`, [blank(2)]],
  ["a blank line at the start", `\n${a}`, [blank(1)]],
  ["blank lines before and between", `\n\n${a}\n\n${b}\n\n`, [blank(1), blank(2), blank(4)]],
  ["the same id twice", [a, b, a].join("\n"), [duplicate(3, 1)]],
  [
    "the same id again and again",
    [a, b, b, a, a].join("\n"),
    [duplicate(3, 2), duplicate(4, 1), duplicate(5, 1)],
  ],
  [
    "ids that are the same as JSON",
    `${a}\n${a.replace('"a"', String.raw`"\u0061"`)}`,
    [duplicate(2, 1)],
  ],
  ["a web page", "<!doctype html>\n<p>x</p>\n", [notJson(1), notJson(2)]],
  ["a JSON list", `[${a},\n${b}]`, [notJson(1), notJson(2)]],
  [
    "one object over several lines",
    JSON.stringify({ a: 1 }, null, 1),
    [notJson(1), notJson(2), notJson(3)],
  ],
  [
    "many problems",
    ["{", "{}", '{"custom_id":"x"}', "1"].join("\n"),
    [
      notJson(1),
      missing(2, "custom_id"),
      missing(3, "method"),
      problem("invalid_json_line", "This line must be a JSON object.", { line: 4 }),
    ],
  ],
  [
    "another endpoint's url",
    line("a", { url: "/v1/embeddings" }),
    [
      problem("invalid_url", `The URL of every request must be the batch's endpoint, ${URL}.`, {
        line: 1,
        param: "url",
      }),
    ],
  ],
  ["a good line and a bad one", `${a}\n${b}x\n`, [notJson(2)]],
  ["a line that breaks off", `${a}\n${b.slice(0, -1)}`, [notJson(2)]],
  [
    "invalid UTF-8 in one line",
    Buffer.concat([Buffer.from(`${a}\n"`), Buffer.from([0xff])]),
    [notUtf8(2)],
  ],
  [
    "a line of 12 MiB",
    `${a}\n${line("b", { text: "x".repeat(12 * 1024 * 1024) })}\n${a}`,
    [tooLong(2), duplicate(3, 1)],
  ],
  ["a MiB of blanks at its end", `${a}\n${" ".repeat(1024 * 1024)}`, [tooLong(2)]],
  ["a million levels", `${a}\n${"[".repeat(1_000_000)}`, [tooLong(2)]],
  [
    "as many levels as a line holds",
    "[".repeat(LINE_LIMIT),
    [problem("invalid_json_line", "This line nests deeper than 65 levels.", { line: 1 })],
  ],
  [
    "a line that is one byte too long",
    line("a", { body: { x: "x".repeat(LINE_LIMIT) } }),
    [tooLong(1)],
  ],
  ["a million blank lines", "\n".repeat(1_000_000), [tooMany(100_001)]],
  ["a million blank lines before a request", `${"\n".repeat(1_000_000)}${a}`, [tooMany(100_001)]],
  [
    "blank lines before a request",
    `${"\n".repeat(1_000)}${a}`,
    Array.from({ length: 100 }, (_, at) => blank(at + 1)),
  ],
  [
    "hundreds of problems",
    "{\n".repeat(60_000),
    Array.from({ length: 100 }, (_, at) => notJson(at + 1)),
  ],
  ["50,001 requests", ["{", ...numbered(50_000)].join("\n"), [notJson(1), tooMany(50_001)]],
  [
    "50,000 requests",
    [
      ...numbered(1),
      ...numbered(1),
      "{",
      ...Array.from({ length: 49_997 }, (_, at) => small(at + 1)),
    ].join("\n"),
    [duplicate(2, 1), notJson(3)],
  ],
  ["many lines and a problem", [...numbered(1_500), small(0)].join("\n"), [duplicate(1_501, 1)]],
])("a file with %s fails its batch", async ([, content, problems]) => {
  await expectProblems(content, problems);
});

test.concurrent("binary files fail by their lines", async () => {
  const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, at) => at % 256));
  const { id } = await rig.submit(bytes);
  const batch = await rig.until(id, "failed");
  const codes = new Set(batch.errors?.data?.map((error) => error.code));
  expect([...codes]).toEqual(["invalid_json_line"]);
  await expectFailed(batch, batch.errors?.data as LineProblem[]);
});

test.concurrent("a name as long as a line is not told whole", async () => {
  const name = "n".repeat(50_000);
  const { id } = await rig.submit(`{"${name}":1e999}`);
  const { errors } = await rig.until(id, "failed");
  const [error] = errors?.data ?? [];
  expect(error).toMatchObject({ code: "invalid_json_line", line: 1 });
  expect(error?.param).toMatch(/^n{10,300}$/);
  expect(error?.message?.length).toBeLessThanOrEqual(300);
});

async function batchOf(input: string): Promise<ShownBatch> {
  const { id } = await rig.client.batches.create({
    input_file_id: input,
    endpoint: URL,
    completion_window: "24h",
  });
  return await rig.until(id, "failed");
}

test.concurrent("one line of 100 MB fails its batch", async () => {
  await expectFailed(await batchOf(longLine), [tooLong(1)]);
});

test.concurrent("a file of over 200 MB is not read", async () => {
  const file = await insertFile(200 * 1024 * 1024 + 1);
  await expectFailed(await batchOf(file), [
    problem("file_too_large", "The file is larger than the 200 MB that a batch may have."),
  ]);
  await rig.broker.database.pool.query("delete from files where id = $1", [file]);
});

test.concurrent("a file that has gone before it is read fails its batch", async () => {
  const { pool } = rig.broker.database;
  const inputFileId = await rig.upload(`${line("r")}\n`);
  const id = await inTransaction(pool, async (client) => {
    const made = await createBatch(client, {
      key: rig.keyId,
      endpoint: "chat.completions",
      inputFileId,
      completionWindow: "24h",
      windowMs: 86_400_000,
      metadata: null,
      residency: "any",
      overflow: false,
      outputExpiresS: null,
      capNanos: null,
    });
    await client.query("delete from file_chunks where file_id = $1", [inputFileId]);
    await client.query("delete from files where id = $1", [inputFileId]);
    return made ?? "none";
  });
  await expectFailed(await rig.until(id, "failed"), [
    problem("file_not_found", "The input file is there no more."),
  ]);
});

test("what is odd but sound runs", async () => {
  const ids = ["__proto__", "x".repeat(512), "a\u2028b", "é😀", 'q"\\\n', " ", "constructor"];
  const odd = ids.map((id) => line(id));
  const { id } = await rig.submit(`\ufeff${odd.join("\r\n")}\r\n\r\n \t\n\n`);
  const { id: bare } = await rig.submit(lines(2).join("\n"));
  const batch = await rig.until(id, "completed");
  expect(batch).toMatchObject({ errors: null, request_counts: { total: 7, completed: 7 } });
  const results = await rig.results(batch.output_file_id);
  expect(results.map((result) => result.custom_id)).toEqual(ids);
  expect((await rig.until(bare, "completed")).request_counts).toMatchObject({ completed: 2 });
  await rig.settleDown();
});
