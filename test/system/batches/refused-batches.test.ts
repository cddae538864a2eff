import { toFile } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { line, startBatchRig, type BatchRig } from "./batch-rig.ts";

let rig: BatchRig;
let input: string;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: 4 } },
    models: "  chat: { serve: [{ provider: gpu, model: sim }] }",
  });
  input = await rig.upload(line("a"));
});
afterAll(() => rig.stop());

interface Answer {
  readonly status: number;
  readonly body: {
    readonly error: { readonly message: string; readonly code: string; readonly param: unknown };
  };
}

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${rig.broker.baseUrl}${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${rig.key}`,
      "content-type": "application/json",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

const sound = () => ({
  input_file_id: input,
  endpoint: "/v1/chat/completions",
  completion_window: "24h",
});

async function batches(): Promise<number> {
  const { rows } = await rig.broker.database.pool.query<{ count: bigint }>(
    "select count(*) from batches",
  );
  return Number(rows[0]?.count);
}

async function expectRefused(
  body: unknown,
  expected: { readonly status?: number; readonly code?: string; readonly param: string | null },
  headers: Record<string, string> = {},
): Promise<void> {
  const { status = 400, code = "invalid_request", param } = expected;
  const answer = await post("/batches", body, headers);
  expect({ status: answer.status, ...answer.body.error }).toMatchObject({ status, code, param });
  expect(await batches()).toBe(0);
}

const pairs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, "v"]));

test.for<[string, object, string | null]>([
  ["no input file", { input_file_id: undefined }, "input_file_id"],
  ["a null input file", { input_file_id: null }, "input_file_id"],
  ["a number as input file", { input_file_id: 1 }, "input_file_id"],
  ["no endpoint", { endpoint: undefined }, "endpoint"],
  ["an unknown endpoint", { endpoint: "/v1/images/generations" }, "endpoint"],
  ["an endpoint without its version", { endpoint: "/chat/completions" }, "endpoint"],
  ["an endpoint of objects' names", { endpoint: "__proto__" }, "endpoint"],
  ["a list of endpoints", { endpoint: ["/v1/embeddings"] }, "endpoint"],
  ["no window", { completion_window: undefined }, "completion_window"],
  ...[
    "",
    "24",
    "h",
    "59m",
    "0h",
    "169h",
    "8d",
    "10081m",
    "1.5h",
    "-1h",
    "1h ",
    "1H",
    "1w",
    "1e1h",
  ].map((window): [string, object, string] => [
    `the window ${JSON.stringify(window)}`,
    { completion_window: window },
    "completion_window",
  ]),
  ["a window of arabic digits", { completion_window: "٢٤h" }, "completion_window"],
  ["a window that is a number", { completion_window: 24 }, "completion_window"],
  ["a list as metadata", { metadata: [] }, "metadata"],
  ["a text as metadata", { metadata: "x" }, "metadata"],
  ["17 pairs", { metadata: pairs(17) }, "metadata"],
  ["a number in metadata", { metadata: { a: 1 } }, "metadata.a"],
  ["null in metadata", { metadata: { a: null } }, "metadata.a"],
  ["513 characters in metadata", { metadata: { a: "x".repeat(513) } }, "metadata.a"],
  ["a name of 65 characters", { metadata: { ["x".repeat(65)]: "v" } }, "metadata"],
  ["a NUL in metadata", { metadata: { a: "\0" } }, "metadata.a"],
  ["a NUL in a name", { metadata: { "\0": "v" } }, "metadata"],
  ["unknown overflow", { metadata: { overflow: "always" } }, "metadata.overflow"],
  ["overflow of another type", { metadata: { overflow: true } }, "metadata.overflow"],
  ...["0", "-1", "", "x", "1e3", "1,5", "$1", " 1", "0.0000000001", "1".repeat(10), "Infinity"].map(
    (cap): [string, object, string] => [
      `a cap of ${JSON.stringify(cap)}`,
      { metadata: { max_cost_usd: cap } },
      "metadata.max_cost_usd",
    ],
  ),
  ["a cap that is a number", { metadata: { max_cost_usd: 2.5 } }, "metadata.max_cost_usd"],
  ["a text as expiry", { output_expires_after: "1h" }, "output_expires_after"],
  [
    "another anchor",
    { output_expires_after: { anchor: "x", seconds: 3_600 } },
    "output_expires_after.anchor",
  ],
  ...[3_599, 2_592_001, 3_600.5, "3600", null].map((seconds): [string, object, string] => [
    `an expiry after ${JSON.stringify(seconds)}`,
    { output_expires_after: { anchor: "created_at", seconds } },
    "output_expires_after.seconds",
  ]),
  ["a field that nobody knows", { priority: 1 }, "priority"],
  [
    "such a field in the expiry",
    { output_expires_after: { anchor: "created_at", seconds: 3_600, x: 1 } },
    "output_expires_after.x",
  ],
])("a batch with %s is refused", async ([, fields, param]) => {
  await expectRefused({ ...sound(), ...fields }, { param });
});

test.for<[string, string, string, string | null]>([
  ["no JSON", "{", "invalid_json", null],
  ["a list", "[]", "invalid_request", null],
  ["null", "null", "invalid_request", null],
  ["nothing", "{}", "invalid_request", "input_file_id"],
  ["a prototype", '{"__proto__":{}}', "invalid_request", "__proto__"],
])("a body that is %s is refused", async ([, body, code, param]) => {
  await expectRefused(body, { code, param });
});

test("what is too large, of another type, or of nobody is refused", async () => {
  const large = { ...sound(), metadata: { a: "x".repeat(70_000) } };
  await expectRefused(large, { status: 413, code: "payload_too_large", param: null });
  await expectRefused(
    sound(),
    { status: 415, code: "unsupported_media_type", param: null },
    {
      "content-type": "text/plain",
    },
  );
  await expectRefused(
    sound(),
    { status: 401, code: "invalid_api_key", param: null },
    {
      authorization: "Bearer sk-nobody",
    },
  );
  await expectRefused(
    sound(),
    { param: "x-spillway-residency" },
    {
      "x-spillway-residency": "moon",
    },
  );
});

test("another's file, one that is gone and one that never was are told alike", async () => {
  const { pool } = rig.broker.database;
  const other = rig.clientOf((await rig.broker.key()).key);
  const file = await toFile(Buffer.from(line("a")), "input.jsonl");
  const others = (await other.files.create({ file, purpose: "batch" })).id;
  const deleted = await rig.upload(line("a"));
  await rig.client.files.delete(deleted);
  const expired = await rig.upload(line("a"));
  await pool.query("update files set expires_at = now() where id = $1", [expired]);
  const unfinished = await rig.upload(line("a"));
  await pool.query("update files set state = 'uploading' where id = $1", [unfinished]);
  const none = `file-${"0".repeat(32)}`;
  const refusals = new Set<string>();
  for (const id of [others, deleted, expired, unfinished, none, "x", "a\0b", "é"]) {
    const { status, body } = await post("/batches", { ...sound(), input_file_id: id });
    const message = body.error.message.replace(id, "<id>");
    refusals.add(JSON.stringify({ status, error: { ...body.error, message } }));
  }
  expect([...refusals]).toEqual([
    JSON.stringify({
      status: 404,
      error: {
        message: "No such File object: <id>",
        type: "invalid_request_error",
        code: "not_found",
        param: "input_file_id",
      },
    }),
  ]);
  expect(await batches()).toBe(0);
  await pool.query("update files set state = 'processed' where id = $1", [unfinished]);
});

test.for(["x", `batch_${"0".repeat(32)}`, "batch_%00", `batch_${"0".repeat(90)}`, "%F0%9F%98%80"])(
  "no batch is called %s",
  async (id) => {
    for (const path of [`/batches/${id}`, `/batches/${id}/cancel`]) {
      const body = { metadata: { max_cost_usd: "1" } };
      const answer = await post(path, path.endsWith("cancel") ? "{}" : body);
      expect(answer).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
    }
    const response = await fetch(`${rig.broker.baseUrl}/batches/${id}`, {
      headers: { authorization: `Bearer ${rig.key}` },
    });
    expect(response.status).toBe(404);
  },
);

test.for([
  ["limit=0", "limit"],
  ["limit=101", "limit"],
  ["limit=x", "limit"],
  [`after=${"x".repeat(201)}`, "after"],
  ["after=%00", "after"],
] as const)("a list with %s is refused", async ([query, param]) => {
  const response = await fetch(`${rig.broker.baseUrl}/batches?${query}`, {
    headers: { authorization: `Bearer ${rig.key}` },
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: "invalid_request", param } });
});

test.for(["x", "batch_", "%F0%9F%98%80"])("a list after %s is a list", async (after) => {
  const response = await fetch(`${rig.broker.baseUrl}/batches?after=${after}`, {
    headers: { authorization: `Bearer ${rig.key}` },
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ object: "list" });
});

test("a file that a batch has written is no input", async () => {
  const { id } = await rig.submit(line("a"));
  const { output_file_id: output } = await rig.until(id, "completed");
  const answer = await post("/batches", { ...sound(), input_file_id: output });
  expect(answer).toMatchObject({
    status: 400,
    body: { error: { code: "invalid_request", param: "input_file_id" } },
  });
  expect(await batches()).toBe(1);
});
