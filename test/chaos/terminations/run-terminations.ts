import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { compareAtRest } from "../check/compare-at-rest.ts";
import { watchBudgets } from "../check/watch-budgets.ts";
import { ADMIN_KEY, type ChaosFleet, startChaosFleet } from "../fleet/chaos-fleet.ts";
import { runBatchLoad } from "../load/batch-load.ts";
import type { CallRecord } from "../load/call-record.ts";
import { type LaterRecord, runLaterLoad } from "../load/later-load.ts";
import { runLoad } from "../load/run-load.ts";
import { runOtherLoad } from "../load/other-load.ts";
import { SeededRandom } from "../seeded-random.ts";
import { summarize } from "../summarize.ts";
import { endConnections } from "./end-connections.ts";
import { endSessions } from "./end-sessions.ts";

export interface TerminationsOptions {
  /** The server whose connections are ended. */
  readonly of: "postgres" | "redis";
  /** Runs one `spillway serve` instead of a fleet. */
  readonly alone: boolean;
  readonly count: number;
  readonly perSecond: number;
  readonly seed: number;
  /** Requests per second. */
  readonly rate: number;
  /** The configuration and the processes' logs are in this directory. */
  readonly directory: string;
  readonly log: (line: string) => void;
  readonly interrupted: AbortSignal;
}

const READY_MS = 90_000;

/**
 * Ends thousands of the broker's connections to one server, in every state, while load of every
 * kind runs. No process may end because of it, and no caller may get a wrong answer. Returns the
 * number of differences.
 */
export async function runTerminations(options: TerminationsOptions): Promise<number> {
  const { of, seed, count, perSecond, log, interrupted } = options;
  const begunAt = performance.now();
  const now = (): number => performance.now() - begunAt;
  const fleet = await startChaosFleet({
    alone: options.alone,
    redisKeepsFile: true,
    directory: options.directory,
    random: new SeededRandom(seed + 1).next,
    now,
  });
  const budgets = watchBudgets(fleet.postgres.database.pool, now);
  try {
    const late = await fleet.whenReady(READY_MS);
    if (late.length > 0) throw new Error(`${late.join(", ")} did not start`);
    const over = new AbortController();
    const ended = AbortSignal.any([over.signal, interrupted]);
    const loadBeganAtMs = Date.now();
    const random = (offset: number): SeededRandom => new SeededRandom(seed + offset);
    const shared = { fleet, now, ended, interrupted };
    const loads = Promise.all([
      runLoad({ ...shared, perSecond: options.rate, random: random(2) }),
      runLaterLoad({
        ...shared,
        perSecond: options.rate / 3,
        random: random(3),
        arePatient: true,
      }),
      runBatchLoad({ ...shared, random: random(4) }),
      runOtherLoad({ ...shared, adminKey: ADMIN_KEY, random: random(5) }),
    ]);
    const ending = { random: random(6), count, perSecond, signal: interrupted };
    const what =
      of === "postgres"
        ? await endSessions({ ...ending, pool: fleet.postgres.database.pool })
        : await endConnections({ ...ending, port: fleet.redis.port });
    over.abort();
    log(`All are ended at ${(now() / 1_000).toFixed(1)} s.`);
    const [records, later, batches, others] = await loads;
    if (interrupted.aborted) return 1;
    const differences = [
      ...records.flatMap(answerProblem),
      ...later.flatMap(lossProblem),
      ...batches.flatMap(({ problems }) => problems),
      ...others.problems,
      ...(await compareAtRest(fleet, { records, later }, { now, interrupted, loadBeganAtMs })),
      ...budgets.differences,
      ...(await unhandledIn(options.directory)),
      ...(await heldBudgets(fleet)),
      ...(await undoneResponses(fleet)),
    ];
    for (const difference of differences) log(`DIFFERENCE   ${difference}`);
    for (const line of summarize({ records, later, batches, faults: [] })) log(line);
    log(`others       ${list(others.counts)}`);
    log(`ended        ${sum(what)}: ${list(what)}`);
    log(`differences  ${differences.length}, seed ${seed}`);
    return differences.length;
  } finally {
    await budgets.stop();
    await fleet.stop();
  }
}

/** No process is ended in this run, so every error must be the server's own, as JSON. */
function answerProblem(record: CallRecord): string[] {
  const { marker, shape, status, end, errorCode, complete } = record;
  if (end !== "answered" || complete) return [];
  if (errorCode !== undefined && errorCode !== "without a code") return [];
  return [`${marker} (${shape}) was answered ${status} without a code`];
}

/** Every accepted job must be done, or cancelled by its own caller. */
function lossProblem({ way, job, ending, cancelled }: LaterRecord): string[] {
  if (ending === "answer" || (cancelled && ending.startsWith("cancelled"))) return [];
  // A worker that has lost its lease stops its calls, and no caller may see two beginnings of an
  // answer.
  if (way === "stream" && ending === "failed server_error") return [];
  // The job was not accepted: the budget is spent, or the broker answered a regular error.
  if (job === undefined && /^(402|50[0-9]) [a-z_]+$/.test(ending)) return [];
  return [`accepted ${way} ${job ?? "without a job"}: ${ending}`];
}

async function heldBudgets({ postgres }: Pick<ChaosFleet, "postgres">): Promise<string[]> {
  const { rows } = await postgres.database.pool.query<{ id: string }>(
    "select id from budget_periods where held_nanos <> 0",
  );
  return rows.map(({ id }) => `budget period ${id} has a hold`);
}

/** Finds stored responses that are not done; they must be done although their callers left. */
async function undoneResponses({ postgres }: Pick<ChaosFleet, "postgres">): Promise<string[]> {
  const { rows } = await postgres.database.pool.query<{ id: string; state: string; code: string }>(
    `select id, state, error_code as code from jobs
     where key_id in (select id from keys where name = 'apart') and state <> 'done'
       -- Its caller was told, with a 503, that nobody knows whether it was accepted.
       and error_code is distinct from 'accept_lost'`,
  );
  return rows.map(({ id, state, code }) => `${id} of nobody's record is ${state} (${code})`);
}

/** Finds log lines of unhandled errors, each of which is a bug of the program. */
async function unhandledIn(directory: string): Promise<string[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith(".log"));
  const texts = await Promise.all(
    files.map(async (name) => ({ name, text: await readFile(join(directory, name), "utf8") })),
  );
  return texts.flatMap(({ name, text }) =>
    text
      .split("\n")
      .filter((line) => line.includes("nobody handled") || line.includes("uncaught"))
      .map((line) => `${name}: ${line.slice(0, 800)}`),
  );
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${count} × ${what}`)
    .join(", ");
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}
