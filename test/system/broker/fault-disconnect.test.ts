import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Fault } from "../../../cli/simulate/faults.ts";
import type { RequestCounters } from "../../../cli/simulate/counters.ts";
import type { Simulator } from "../../../cli/simulate/simulator.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, errorOf, eventsOf, type Question } from "./ask.ts";
import { expectAtRest, richKey, startFaultBroker } from "./fault-rig.ts";

let broker: TestBroker;
let gpu: Simulator;
let key: string;
beforeAll(async () => {
  broker = await startFaultBroker({
    gpu: { tokensPerSecond: 50 },
    gpuYaml: "timeouts: { first_byte: 1h, idle: 1h }",
    server: "{ sync_wait: 1s }",
  });
  gpu = simulator("gpu");
  key = await richKey(broker);
});
afterAll(() => broker.stop());
afterEach(() => gpu.setFault(null));

function simulator(name: string): Simulator {
  const found = broker.upstreams[name];
  if (found === undefined) throw new Error(`no simulator ${name}`);
  return found;
}

interface Last {
  readonly job: string;
  readonly state: string;
  readonly error_code: string | null;
  readonly status: string | null;
}

/** Returns the newest job with the status of its ledger row. */
async function lastJob(): Promise<Last> {
  const { rows } = await broker.database.pool.query<Last>(
    `select j.id as job, j.state, j.error_code, l.status from jobs j
     left join ledger l on l.job_id = j.id order by j.accepted_at desc, l.attempt desc limit 1`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error("no job");
  return row;
}

function callOf(job: string): RequestCounters | undefined {
  return gpu.counters().requests[`${job}.1`];
}

/** The upstream's socket was closed, long before the call would have ended by itself. */
async function expectStopped(job: string): Promise<void> {
  await eventually(() => expect(callOf(job)).toMatchObject({ aborted: true, bytesAfterAbort: 0 }));
}

interface Leaving {
  readonly what: string;
  readonly stream: boolean;
  readonly fault: Fault | null;
  /** The caller leaves once this text has arrived; without one, once the upstream runs the call. */
  readonly after?: string;
}

const leavings: readonly Leaving[] = [
  { what: "a whole answer while the upstream is silent", stream: false, fault: { type: "hang" } },
  { what: "a whole answer while it is generated", stream: false, fault: null },
  {
    what: "a whole answer in the middle of its body",
    stream: false,
    fault: { type: "slow_body", bytesPerSecond: 100 },
  },
  { what: "a stream before its first token", stream: true, fault: { type: "hang" } },
  { what: "a stream after its first token", stream: true, fault: null, after: "tok0" },
  {
    what: "a stream that stalls after its first token",
    stream: true,
    fault: { type: "hang_after", tokens: 2 },
    after: "tok1",
  },
];

describe("a caller who leaves", () => {
  test.each(leavings)("$what stops the generation", async ({ stream, fault, after }) => {
    gpu.setFault(fault);
    const { calls } = gpu.counters();
    const leave = new AbortController();
    const asked = ask(broker, {
      key,
      stream,
      maxTokens: 10_000,
      content: "[sim output=10000]",
      signal: leave.signal,
      onText: (text) => {
        if (after !== undefined && text.includes(after)) leave.abort();
      },
    }).catch(() => undefined);
    if (after === undefined) {
      await eventually(() =>
        expect(gpu.counters()).toMatchObject({ calls: calls + 1, running: 1 }),
      );
      leave.abort();
    }
    await asked;
    await expectAtRest(broker);
    const { job, ...ended } = await lastJob();
    expect(ended).toEqual({ state: "cancelled", error_code: "disconnect", status: "cancelled" });
    await expectStopped(job);
  });

  test("while waiting takes the job out of the line, and no upstream sees it", async () => {
    gpu.setFault({ type: "hang" });
    const leave = new AbortController();
    const running = Array.from({ length: 4 }, () =>
      ask(broker, { key, stream: true, signal: leave.signal }).catch(() => undefined),
    );
    await eventually(() => expect(gpu.counters().running).toBe(4));
    const { calls } = gpu.counters();
    const leaveLine = new AbortController();
    const waiting = ask(broker, { key, stream: true, signal: leaveLine.signal }).catch(
      () => undefined,
    );
    await eventually(async () => expect(await lastJob()).toMatchObject({ state: "waiting" }));
    leaveLine.abort();
    await waiting;
    await eventually(async () =>
      expect(await lastJob()).toMatchObject({ state: "cancelled", status: null }),
    );
    leave.abort();
    await Promise.all(running);
    await expectAtRest(broker);
    expect(gpu.counters().calls).toBe(calls);
  });
});

async function expectTooLate(question: Partial<Question>): Promise<void> {
  const answer = await ask(broker, { key, ...question });
  expect(answer.status).toBe(504);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  expect(errorOf(answer)).toMatchObject({ code: "deadline_exceeded", type: "server_error" });
}

describe("a deadline", () => {
  const headers = { "x-spillway-deadline-ms": "400" };

  test.each([false, true])("ends a running call with 504 (stream: %s)", async (stream) => {
    gpu.setFault({ type: "hang" });
    const askedAtMs = Date.now();
    await expectTooLate({ stream, headers });
    expect(Date.now() - askedAtMs).toBeGreaterThanOrEqual(400);
    await expectAtRest(broker);
    const { job, ...ended } = await lastJob();
    expect(ended).toEqual({ state: "expired", error_code: "deadline", status: "cancelled" });
    await expectStopped(job);
  });

  test("ends a stream that has begun in-band, without [DONE]", async () => {
    gpu.setFault({ type: "hang_after", tokens: 2 });
    let answer = await ask(broker, { key, stream: true, headers });
    // On a busy machine that deadline may be over before the stream has begun.
    const later = { "x-spillway-deadline-ms": "10000" };
    if (!answer.text.includes("tok1"))
      answer = await ask(broker, { key, stream: true, headers: later });
    expect(answer).toMatchObject({ status: 200, broke: false });
    expect(answer.text).toContain("tok1");
    expect(errorOf(answer)).toMatchObject({ code: "deadline_exceeded" });
    expect(eventsOf(answer.text)).not.toContain("[DONE]");
    await expectAtRest(broker);
  });

  test.each([false, true])("ends a waiting job with 504 (stream: %s)", async (stream) => {
    gpu.setFault({ type: "hang" });
    const leave = new AbortController();
    const running = Array.from({ length: 4 }, () =>
      ask(broker, { key, stream: true, signal: leave.signal }).catch(() => undefined),
    );
    await eventually(() => expect(gpu.counters().running).toBe(4));
    const { calls } = gpu.counters();
    await expectTooLate({ stream, headers });
    expect(await lastJob()).toMatchObject({
      state: "expired",
      error_code: "deadline",
      status: null,
    });
    leave.abort();
    await Promise.all(running);
    await expectAtRest(broker);
    expect(gpu.counters().calls).toBe(calls);
  });

  test("the sync wait ends a whole answer with 504 and leaves a stream alone", async () => {
    const slow = { content: "[sim output=80]", maxTokens: 80 };
    const stream = ask(broker, { key, stream: true, ...slow });
    await eventually(() => expect(gpu.counters().running).toBe(1));
    await expectTooLate(slow);
    expect(await lastJob()).toMatchObject({ state: "expired", error_code: "sync_wait" });
    const answer = await stream;
    expect(eventsOf(answer.text).at(-1)).toBe("[DONE]");
    expect(answer.tookMs).toBeGreaterThan(1_500);
    await expectAtRest(broker);
  });
});
