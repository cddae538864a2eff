import type { FedBatch } from "../../shared/batches/claim-batches.ts";
import { countOpenLines } from "../../shared/batches/open-lines.ts";
import { pauseBatch, resumeBatch } from "../../shared/batches/pause-batch.ts";
import {
  type PendingLine,
  readPendingLines,
  refuseLine,
} from "../../shared/batches/pending-lines.ts";
import type { Plan } from "../../shared/contracts/plan.ts";
import type { AcceptMember, AcceptRow } from "../../shared/jobs/accept.ts";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import type { Database } from "../../shared/db/database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { enqueueAccepted, type EnqueueDeps } from "../../shared/jobs/enqueue-accepted.ts";
import type { NewJob } from "../../shared/jobs/new-job.ts";
import { overBudget } from "../../shared/budgets/over-budget.ts";
import type { ReadDeps } from "../../shared/requests/read-inference.ts";
import { storedMember } from "../../shared/jobs/stored-member.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import type { FeedWindow } from "./feed-window.ts";
import { newLineJob } from "./new-line-job.ts";

export interface FeedDeps extends EnqueueDeps, ReadDeps {
  readonly database: Pick<Database, "pool" | "accept">;
  /** Returns undefined for a key that may not be used. */
  readonly findKey: (id: string) => Promise<CallerKey | undefined>;
  readonly random: () => number;
}

/** One round refuses at most this many lines of an unknown model. */
const REFUSALS = 100;
/** The most lines that are in memory at once. */
const PAGE = { lines: 100, bytes: 256 * 1024 };
/** The most bytes held at once. Lines are short, but the files that they refer to are not. */
const READY_BYTES = 4 * 1024 * 1024;
const NO_CAPACITY = {
  reason: "no_capacity",
  message:
    "The providers of this batch's models are down, or their calls only fail. " +
    "It goes on when one is well again.",
} as const;
/** A paused batch is tried again after this time. */
const PAUSED_MS = 2_000;

interface Round {
  readonly deps: FeedDeps;
  readonly batch: FedBatch;
  readonly window: FeedWindow;
  readonly key: CallerKey;
}

/**
 * Makes jobs of a batch's next lines, as many as its window lets in. A line that cannot be run is
 * refused. Without money or a valid key the batch is paused, once none of its jobs is open.
 * Resolves with whether a budget fell short: then the next round should wait a little.
 */
export async function feedLines(
  deps: FeedDeps,
  batch: FedBatch,
  window: FeedWindow,
): Promise<boolean> {
  const { pool } = deps.database;
  const key = await deps.findKey(batch.key_id);
  if (key === undefined) {
    const message = "The API key of this batch has been revoked or has expired.";
    await pauseBatch(pool, batch.id, { reason: "invalid_api_key", message }, PAUSED_MS);
    return true;
  }
  const { byProvider, open } = await countOpenLines(pool, batch.id);
  // Every line of a batch with a cap needs a known worst case.
  const budgeted = key.budgeted || batch.cap_period_id !== null;
  window.begin(byProvider);
  const round = { deps, batch, window, key: { ...key, budgeted } };
  const { fed, hasRoom } = await feedModels(round);
  const isFed = fed.some(isAccepted);
  const short = fed.find(({ row }) => row.verdict === "budget");
  // One line that tries a provider does not show that the provider is well.
  const isTry = batch.paused === "no_capacity" && fed.length === 1;
  if (isFed && batch.paused !== null && !isTry) await resumeBatch(pool, batch.id);
  const isStuck = !isFed && waitsForNobody(window, byProvider, open);
  if (batch.paused === "no_capacity" && !isFed && open > 0 && !isStuck)
    await resumeBatch(pool, batch.id);
  if (isStuck) await pauseBatch(pool, batch.id, NO_CAPACITY, PAUSED_MS);
  if (isFed || open > 0) return short !== undefined;
  if (short !== undefined) {
    const { row, holdNanos } = short;
    const reason = row.capped ? "max_cost_usd" : "insufficient_quota";
    const { message } = overBudget(row, holdNanos);
    await pauseBatch(pool, batch.id, { reason, message }, PAUSED_MS);
  } else if (!hasRoom) await pauseBatch(pool, batch.id, NO_CAPACITY, PAUSED_MS);
  return short !== undefined;
}

/** Tells whether all jobs of the batch wait, each at a provider that is down or rests. */
function waitsForNobody(
  window: FeedWindow,
  byProvider: ReadonlyMap<string, number>,
  open: number,
): boolean {
  const waiting = [...byProvider].filter(([, count]) => count > 0);
  const sum = waiting.reduce((all, [, count]) => all + count, 0);
  return open > 0 && sum === open && waiting.every(([name]) => window.get(name)?.up !== true);
}

interface FedLine {
  readonly row: AcceptRow;
  readonly holdNanos: bigint;
}

/** Feeds each model by itself: a model whose providers are full or down holds up no other. */
async function feedModels(round: Round): Promise<{ fed: FedLine[]; hasRoom: boolean }> {
  const { deps, batch, window } = round;
  const fed: FedLine[] = [];
  let hasRoom = false;
  for (const model of batch.models) {
    const route = deps.routes.get(model);
    for (
      let left = route === undefined ? REFUSALS : window.room(route, batch.overflow);
      left > 0;
    ) {
      hasRoom = true;
      const limits = { ...PAGE, lines: Math.min(left, PAGE.lines) };
      const page = await readPendingLines(deps.database.pool, batch, model, limits);
      const rows = await feedPage(round, page);
      fed.push(...rows);
      left = rows.length > 0 && rows.every(isAccepted) ? left - page.length : 0;
    }
  }
  return { fed, hasRoom };
}

async function feedPage(round: Round, lines: readonly PendingLine[]): Promise<FedLine[]> {
  const fed: FedLine[] = [];
  let ready: ReadyLine[] = [];
  let bytes = 0;
  // One statement accepts all ready lines together.
  const acceptReady = async (): Promise<void> => {
    const rows = await Promise.all(ready.map((line) => accept(round.deps, line)));
    fed.push(...rows.filter((row) => row !== undefined));
    ready = [];
    bytes = 0;
  };
  for (const line of lines) {
    const one = await prepare(round, line);
    if (one === undefined) continue;
    ready.push(one);
    bytes += one.newJob.jobRequest.body.length;
    if (bytes > READY_BYTES) await acceptReady();
  }
  await acceptReady();
  return fed;
}

function isAccepted({ row: { verdict } }: FedLine): boolean {
  return verdict === "accepted" || verdict === "already";
}

interface ReadyLine {
  readonly newJob: NewJob;
  readonly member: AcceptMember;
}

/** Returns undefined for a line that was refused or has to wait for another round. */
async function prepare(round: Round, line: PendingLine): Promise<ReadyLine | undefined> {
  const { deps, batch, window, key } = round;
  try {
    const newJob = await newLineJob({ ...deps, providerStates: window }, batch, key, line);
    window.place(newJob.plan[newJob.first.target]?.provider ?? "");
    const member = await storedMember(newJob, { batch: batch.id });
    // Without its worst cost held, the line would run, fail and not be paid for, again and again.
    return { newJob, member: line.unpaid ? { ...member, hold: worstHold(newJob.plan) } : member };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    // Residency leaves no provider to the line, and that does not pass with time.
    if (!error.retryable || error.code === "no_capacity") await refuse(deps, line.job_id, error);
    return undefined;
  }
}

function worstHold(plan: Plan): string {
  const holds = plan.map(({ holdNanos }) => BigInt(holdNanos));
  return String(holds.reduce((most, hold) => (hold > most ? hold : most), 0n));
}

/**
 * Accepts a line's job. Returns undefined when the line was refused, or when the answer of the
 * database was lost: then the line is accepted already, or is fed again as the same job.
 */
async function accept(deps: FeedDeps, { newJob, member }: ReadyLine): Promise<FedLine | undefined> {
  try {
    const row = await deps.database.accept.submit(member);
    if (row.verdict === "accepted") await enqueueAccepted(deps, newJob);
    return { row, holdNanos: BigInt(member.hold) };
  } catch (error) {
    if (classifyDatabaseError(error) !== "data") return undefined;
    if (!isOfLine(error)) throw error;
    await refuse(deps, newJob.id, new BrokerError("invalid_request", "It cannot be stored."));
    return undefined;
  }
}

/**
 * Tells whether the error comes from what the line holds. A faulty statement may be repaired, the
 * line may not.
 */
function isOfLine(error: unknown): boolean {
  return /^(22|54)/.test(String((error as { code?: unknown }).code));
}

async function refuse(deps: FeedDeps, job: string, error: BrokerError): Promise<void> {
  await refuseLine(deps.database.pool, job, { status: error.status, body: error.toJSON() });
}
