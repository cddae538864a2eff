import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Fault } from "../../../cli/simulate/faults.ts";
import type { TestBroker } from "../../support/broker.ts";
import { ask, contentOf, errorOf } from "./ask.ts";
import { expectAtRest, richKey, rowsOf, startFaultBroker } from "./fault-rig.ts";

let broker: TestBroker;
let key: string;
beforeAll(async () => {
  broker = await startFaultBroker();
  key = await richKey(broker);
});
afterAll(() => broker.stop());
afterEach(async () => {
  broker.upstreams["gpu"]?.setFault(null);
  // A provider that fails several jobs in a row would rest; this success prevents it.
  await ask(broker, { key });
});

interface Case {
  readonly what: string;
  readonly fault: Fault;
  readonly status: number;
  readonly code: string;
  readonly calls: number;
  readonly reason: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
}

const failed = { status: 502, code: "upstream_failed", calls: 3 } as const;

/** These failures come before any part of an answer; whole answers and streams share them. */
const earlyFailures: readonly Case[] = [
  { ...failed, what: "500", fault: { type: "status", status: 500 }, reason: "server_error" },
  { ...failed, what: "408", fault: { type: "status", status: 408 }, reason: "request_timeout" },
  { ...failed, what: "409", fault: { type: "status", status: 409 }, reason: "conflict" },
  { ...failed, what: "404", fault: { type: "status", status: 404 }, calls: 1, reason: "not_found" },
  {
    what: "a plain 400",
    fault: {
      type: "status",
      status: 400,
      body: { error: { message: "top_p is odd", type: "invalid_request_error", param: "top_p" } },
    },
    status: 400,
    code: "upstream_rejected",
    calls: 1,
    reason: "bad_request",
    message: "top_p is odd",
    headers: { "x-should-retry": "false" },
  },
  {
    what: "a prompt that is too long",
    fault: {
      type: "status",
      status: 400,
      body: { error: { message: "maximum context length is 8", code: "context_length_exceeded" } },
    },
    status: 400,
    code: "context_length_exceeded",
    calls: 1,
    reason: "context_overflow",
    headers: { "x-should-retry": "false" },
  },
  { ...failed, what: "a web page", fault: { type: "html" }, reason: "malformed" },
  { ...failed, what: "broken JSON", fault: { type: "malformed" }, reason: "malformed" },
  { ...failed, what: "silence", fault: { type: "hang" }, reason: "first_byte_timeout" },
];

const forms = earlyFailures.flatMap((row) => [
  { ...row, form: "whole", stream: false },
  { ...row, form: "stream", stream: true },
]);

describe("a single target that never answers well", () => {
  test.each(forms)("$what ($form): $status $code after $calls calls", async (row) => {
    broker.upstreams["gpu"]?.setFault(row.fault);
    const answer = await ask(broker, { key, stream: row.stream });
    expect(answer.status).toBe(row.status);
    expect(errorOf(answer)).toMatchObject({
      code: row.code,
      ...(row.message === undefined ? {} : { message: row.message }),
    });
    const { headers = {} } = row;
    const got = Object.keys(headers).map((name) => [name, answer.headers.get(name)]);
    expect(Object.fromEntries(got)).toEqual(headers);
    const job = answer.headers.get("x-spillway-job-id");
    expect(answer.headers.get("x-spillway-attempts")).toBe(String(row.calls));
    const rows = await rowsOf(broker, job);
    expect(rows.map(({ status, error_code }) => `${status} ${error_code}`)).toEqual(
      Array.from({ length: row.calls }, () => `failed ${row.reason}`),
    );
    await expectAtRest(broker);
  });
});

/** Whole answers that break off. */
test.each([
  { what: "cut", fault: { type: "cut" }, reason: "cut" },
  { what: "ended too early", fault: { type: "fin" }, reason: "cut" },
  { what: "aborted by the engine", fault: { type: "abort_finish" }, reason: "cut" },
  { what: "stalled", fault: { type: "hang_after", tokens: 2 }, reason: "idle_timeout" },
  {
    what: "an error",
    fault: { type: "in_band_error", status: 500, message: "The engine failed." },
    reason: "server_error",
  },
] as const)("a whole answer that is $what is tried again and then fails", async (row) => {
  broker.upstreams["gpu"]?.setFault(row.fault);
  const answer = await ask(broker, { key });
  expect({ status: answer.status, error: errorOf(answer) }).toMatchObject({
    status: 502,
    error: { code: "upstream_failed" },
  });
  const rows = await rowsOf(broker, answer.headers.get("x-spillway-job-id"));
  expect(rows.map(({ status }) => status)).toEqual(["failed", "failed", "failed"]);
  expect(rows[0]?.error_code).toBe(row.reason);
  await expectAtRest(broker);
});

/**
 * The ledger keeps an unbelievable usage as the upstream reported it, and its row shows the overrun
 * to the operator.
 */
test("absurd usage: the answer stands, its hold is paid, and the rest is an overrun", async () => {
  const usage = { prompt_tokens: 1e15, completion_tokens: 1e15, total_tokens: 2e15 };
  broker.upstreams["gpu"]?.setFault({ type: "wrong_usage", usage });
  for (const stream of [false, true]) {
    const answer = await ask(broker, { key, stream });
    expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
    const job = answer.headers.get("x-spillway-job-id");
    expect(await rowsOf(broker, job)).toMatchObject([
      { status: "ok", estimated: true, completion_tokens: 2 ** 31 - 1 },
    ]);
    const { rows } = await broker.database.pool.query<{ cost: string; overrun: string }>(
      "select cost_nanos as cost, overrun_nanos as overrun from ledger where job_id = $1",
      [job],
    );
    expect(Number(rows[0]?.cost)).toBeLessThan(1e9);
    expect(Number(rows[0]?.overrun)).toBeGreaterThan(1e9);
  }
  await expectAtRest(broker);
});

/** An invalid usage counts as absent: the bounds stand in for it. */
test.each([
  { what: "absent", usage: "absent" },
  { what: "null", usage: null },
  { what: "negative", usage: { prompt_tokens: -5, completion_tokens: -1, total_tokens: -6 } },
  { what: "words as", usage: { prompt_tokens: "five", completion_tokens: "four" } },
] as const)("$what usage: the answer stands and its bound is paid", async ({ usage }) => {
  broker.upstreams["gpu"]?.setFault({ type: "wrong_usage", usage });
  for (const stream of [false, true]) {
    const answer = await ask(broker, { key, stream });
    expect(answer.status).toBe(200);
    expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
    const rows = await rowsOf(broker, answer.headers.get("x-spillway-job-id"));
    expect(rows).toMatchObject([{ status: "ok", estimated: true, completion_tokens: 4 }]);
    expect(rows[0]?.cost).toBeGreaterThan(0);
    expect(rows[0]?.cost).toBeLessThan(1e6);
  }
  await expectAtRest(broker);
});

test.each([
  ["text", { prompt_tokens: "5", completion_tokens: "4", total_tokens: "9" }],
  ["fractions", { prompt_tokens: 4.5, completion_tokens: 3.5, total_tokens: 8 }],
] as const)("counts as %s are counts, fractions rounded up", async (_, usage) => {
  broker.upstreams["gpu"]?.setFault({ type: "wrong_usage", usage });
  const answer = await ask(broker, { key });
  const rows = await rowsOf(broker, answer.headers.get("x-spillway-job-id"));
  expect(rows).toMatchObject([{ status: "ok", estimated: false, completion_tokens: 4 }]);
});
