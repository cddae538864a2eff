import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultTimings } from "../../../api/calls/call-timings.ts";
import { expectTold } from "../failpoints/expect-told.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startAcceptedFleet, type AcceptedFleet } from "./accepted-fleet.ts";

const JOBS = 150;
const WAVE = 50;
const SLOTS = 30;
/** A job takes at least this time; cancels come at any moment of it, and after it. */
const TTFT_MS = 60;
const TOKENS = 6;
const TOKENS_PER_SECOND = 30;
const LATEST_MS = 400;
/** One job of this many is cancelled only when it is done, however long that takes. */
const ONE_DONE_OF = 20;
/**
 * A cancel's upstream socket closes within 2 s of its answer; the rest is a busy machine's delay.
 */
const CLOSED_WITHIN_MS = 15_000;

let rig: AcceptedFleet;
beforeAll(async () => {
  rig = await startAcceptedFleet({
    providers: { gpu: { slots: SLOTS, ttftMs: TTFT_MS, tokensPerSecond: TOKENS_PER_SECOND } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
});
afterAll(() => rig.stop());

interface Cancelled {
  readonly job: string;
  readonly isResponse: boolean;
  /** The cancel's own answer has this status. */
  readonly said: string;
  readonly tookMs: number;
  readonly atMs: number;
}

async function call(api: number, method: string, path: string, body?: object): Promise<Response> {
  const { key, apis } = rig;
  return await fetch(`${apis[api % 2 === 0 ? 0 : 1].baseUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      prefer: "respond-async",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function statusOf(answer: Response): Promise<string> {
  const text = await answer.text();
  return answer.ok ? (JSON.parse(text) as { status: string }).status : text;
}

const pathOf = (job: string, isResponse: boolean): string =>
  isResponse ? `/responses/${job.replace("job_", "resp_")}` : `/jobs/${job}`;

/** One API accepts the job and the other cancels it, at a random time. */
async function cancelOne(index: number): Promise<Cancelled> {
  const isResponse = index % 2 === 0;
  const content = `[sim output=${TOKENS}] ${index}`;
  const accepted = await call(
    index >> 1,
    "POST",
    isResponse ? "/responses" : "/chat/completions",
    isResponse
      ? { model: "chat", input: content, max_output_tokens: TOKENS + 1, background: true }
      : {
          model: "chat",
          messages: [{ role: "user", content }],
          max_tokens: TOKENS,
          stream: index % 4 === 1,
        },
  );
  const job = accepted.headers.get("x-spillway-job-id") ?? "";
  expect({ ok: accepted.ok, job }).toEqual({ ok: true, job: expect.stringMatching(/^job_/) });
  await accepted.text();
  if (index % ONE_DONE_OF > 0) await sleep(Math.random() * LATEST_MS);
  else
    await eventually(
      async () => {
        const seen = await statusOf(await call(index >> 1, "GET", pathOf(job, isResponse)));
        expect(seen).toBe("completed");
      },
      120_000,
      50,
    );
  const startedAt = performance.now();
  const answer = await call((index >> 1) + 1, "POST", `${pathOf(job, isResponse)}/cancel`);
  const said = await statusOf(answer);
  return { job, isResponse, said, tookMs: performance.now() - startedAt, atMs: Date.now() };
}

test("a cancel and a completion that race have one outcome, the same on every channel", async () => {
  await rig.startApis();
  await Promise.all([rig.fleet.startWorker(), rig.fleet.startWorker()]);
  const cancelled: Cancelled[] = [];
  for (let first = 0; first < JOBS; first += WAVE)
    cancelled.push(
      ...(await Promise.all(Array.from({ length: WAVE }, (_, index) => cancelOne(first + index)))),
    );
  const { pool } = rig.database;
  await eventually(async () => expect(await findDifferences(rig)).toEqual([]), 120_000, 250);
  const { rows } = await pool.query<{
    id: string;
    state: string;
    cost_nanos: bigint;
    status: string | null;
    ttft_ms: number | null;
  }>(
    `select j.id, j.state, j.cost_nanos, l.status, l.ttft_ms
     from jobs j left join ledger l on l.job_id = j.id`,
  );
  const byJob = new Map(rows.map((row) => [row.id, row]));
  expect(byJob.size).toBe(JOBS);
  const calls = rig.upstreams["gpu"]?.counters().requests ?? {};
  const closedAfterMs: number[] = [];
  for (const { job, isResponse, said, tookMs, atMs } of cancelled) {
    const { state, status, ttft_ms: ttftMs, cost_nanos: cost } = byJob.get(job) ?? {};
    const [here, there] = await Promise.all(
      [0, 1].map(async (api) => statusOf(await call(api, "GET", pathOf(job, isResponse)))),
    );
    const outcome = state === "done" ? "completed" : state;
    expect({ job, here, there }).toEqual({ job, here: outcome, there: outcome });
    // Only an API that has waited for the worker's word in vain may say that the job still runs.
    if (tookMs < defaultTimings.confirmMs || said !== "in_progress") expect(said).toBe(outcome);
    if (status === "ok" || ttftMs !== null) expect(cost).toBeGreaterThan(0n);
    const { abortedAtMs = null } = calls[`${job}.1`] ?? {};
    if (state === "cancelled" && abortedAtMs !== null) closedAfterMs.push(abortedAtMs - atMs);
  }
  const states = Map.groupBy(rows, ({ state, status }) => `${state} ${status ?? "before a call"}`);
  console.log([...states].map(([state, all]) => `${all.length} × ${state}`).join(", "));
  const inTime = closedAfterMs.filter((ms) => ms < 2_000).length;
  console.log(
    `closed ${Math.max(...closedAfterMs)} ms after the cancel's answer at most, ${inTime} of ${closedAfterMs.length} within 2 s`,
  );
  expect([...states.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual(
    expect.arrayContaining(["cancelled before a call", "cancelled cancelled", "done ok"]),
  );
  expect(Math.max(...closedAfterMs)).toBeLessThan(CLOSED_WITHIN_MS);
  await expectTold(rig);
  await expectEverySlot();
});

async function expectEverySlot(): Promise<void> {
  const gpu = rig.upstreams["gpu"];
  await eventually(() => expect(gpu?.counters().inFlight).toBe(0));
  // The calls go on until all of them have been seen, however long that takes.
  const tokens = 3_600 * TOKENS_PER_SECOND;
  const body = {
    model: "chat",
    messages: [{ role: "user", content: `[sim output=${tokens}]` }],
    max_tokens: tokens,
  };
  const answers = await Promise.all(
    Array.from({ length: SLOTS }, (_, index) => call(index, "POST", "/chat/completions", body)),
  );
  for (const answer of answers) expect(answer.status).toBe(202);
  await eventually(() => expect(gpu?.counters().running).toBe(SLOTS));
  await Promise.all(
    answers.map(async (answer, index) => {
      const job = answer.headers.get("x-spillway-job-id") ?? "";
      await call(index, "POST", `${pathOf(job, false)}/cancel`);
    }),
  );
  await eventually(async () => expect(await findDifferences(rig)).toEqual([]), 120_000, 250);
}
