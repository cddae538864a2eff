import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Database } from "../../../shared/db/database.ts";
import { findDueJobs } from "../../../shared/jobs/due-jobs.ts";
import { closeLostAttempts } from "../../../shared/jobs/lost-attempts.ts";
import { endJobsOfDeadOwner } from "../../../shared/jobs/lost-jobs.ts";
import { overflowJobs, overflowNow, rerouteJobs } from "../../../shared/jobs/overflow-jobs.ts";
import { openFourPools, type FourPools } from "./four-pools.ts";
import { acceptMember, ledgerEntry, providers } from "./members.ts";
import { seedKey } from "./seed.ts";

const JOBS = 600;
const KEYS = ["key_a", "key_b", "key_c"];

let pools: FourPools;
beforeEach(async () => {
  pools = await openFourPools();
  for (const { pool } of pools.databases) vi.spyOn(pool, "query");
  for (const key of KEYS) await seedKey(pools.seeded.database.pool, key, 1_000_000n);
});
afterEach(() => pools.close());

/**
 * Counts the statements that PostgreSQL has ended as deadlocks; the groups would hide them by
 * sending again.
 */
function deadlocks(): number {
  return pools.databases
    .flatMap(({ pool }) => vi.mocked(pool.query).mock.settledResults)
    .filter(
      ({ type, value }) => type === "rejected" && (value as { code?: string }).code === "40P01",
    ).length;
}

/** A different process makes each step of the job. */
async function live(index: number): Promise<void> {
  const at = (step: number): Database => pools.at(index + step);
  const job = `job_${randomUUID()}`;
  const holds = [100n, 200n, 300n];
  await at(0).accept.submit(acceptMember(job, KEYS[index % KEYS.length] ?? "", holds));
  for (let place = 0; place < 3; place++) {
    if (index % 7 === place)
      void at(3).end.submit({ job, place: null, state: "cancelled", code: "x" });
    const claim = await at(1).claim.submit({
      job,
      place,
      provider: providers[place] ?? "",
      nonce: randomUUID(),
      worker: `worker_${index % 5}`,
    });
    if (claim.verdict !== "claimed") return;
    const { fence } = claim;
    if (place === 2 || index % 5 === place) {
      await at(2).settle.submit({ job, fence, state: "done", ...ledgerEntry("ok", 20n) });
      return;
    }
    await at(2).move.submit({
      job,
      place,
      fence,
      target: place + 1,
      delay_ms: 0,
      check_ms: 60_000,
      ...ledgerEntry("failed", 10n),
    });
  }
}

/** Sweeps as several workers do, until aborted; resolves with the errors that were not handled. */
async function sweepMeanwhile(signal: AbortSignal): Promise<unknown[]> {
  const errors: unknown[] = [];
  await Promise.all(
    pools.databases.map(async ({ pool }, index) => {
      while (!signal.aborted) {
        await Promise.all([
          findDueJobs(pool, 50),
          closeLostAttempts(pool, `worker_${index}`, [], 0, 3),
          overflowNow(pool, "gpu-a", ["gpu-b"]),
          rerouteJobs(pool, "gpu-a", ["gpu-b"], 3, 60_000),
          overflowJobs(pool, "cloud", 60_000),
          endJobsOfDeadOwner(pool, "nobody"),
        ]).catch((error: unknown) => errors.push(error));
      }
    }),
  );
  return errors;
}

test("mixed load over three keys: no deadlock surfaces, nothing is lost, the books balance", async () => {
  const done = new AbortController();
  const sweeping = sweepMeanwhile(done.signal);
  const width = 60;
  for (let start = 0; start < JOBS; start += width)
    await Promise.all(Array.from({ length: width }, (_, index) => live(start + index)));
  done.abort();
  const errors = await sweeping;
  const codes = errors.map((error) => (error as { code?: string }).code ?? String(error));
  // A sweep that meets a locked row gives up and tries again later; any other error is a fault.
  expect(codes.filter((code) => code !== "55P03")).toEqual([]);

  const { pool } = pools.seeded.database;
  expect(deadlocks()).toBe(0);
  await pools.expectBalanced();
  const { rows: odd } = await pool.query(
    `select j.id, j.state from jobs j
     where (j.state = 'running') <> exists (select from attempts a where a.job_id = j.id)
        or (select count(*) from ledger l where l.job_id = j.id)
           + (select count(*) from attempts a where a.job_id = j.id) <> j.fence`,
  );
  expect(odd).toEqual([]);
  const { rows: jobs } = await pool.query("select from jobs");
  expect(jobs).toHaveLength(JOBS);
});

test("groups over the same jobs in any order do not deadlock", async () => {
  const jobs = Array.from({ length: 100 }, (_, index) => `job_${index}`);
  await Promise.all(
    jobs.map((job, index) =>
      pools.at(0).accept.submit(acceptMember(job, KEYS[index % KEYS.length] ?? "", [100n, 200n])),
    ),
  );
  const [provider] = providers;
  const submit: ((job: string) => Promise<unknown>)[] = [
    (job) =>
      pools.at(0).claim.submit({ job, place: 0, provider, nonce: randomUUID(), worker: "w" }),
    (job) => pools.at(1).end.submit({ job, place: 5, state: "cancelled", code: "stale" }),
    (job) =>
      pools
        .at(2)
        .move.submit({ job, place: 0, fence: null, target: 1, delay_ms: 0, check_ms: 60_000 }),
    (job) => pools.at(3).settle.submit({ job, fence: 1, state: "done", ...ledgerEntry("ok", 20n) }),
  ];
  await Promise.all(
    submit.map(async (one) => {
      for (let round = 0; round < 20; round++)
        await Promise.all(jobs.toSorted(() => Math.random() - 0.5).map(one));
    }),
  );
  expect(deadlocks()).toBe(0);
});
