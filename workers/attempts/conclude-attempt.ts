import { createHash } from "node:crypto";
import type { ClosedAttempt, LedgerStatus } from "../../shared/contracts/closed-attempt.ts";
import { failureFacts } from "../../shared/contracts/failure-reason.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { EndState, ReplyError, ResultMessage } from "../../shared/contracts/reply.ts";
import type { LedgerEntry } from "../../shared/ledger/ledger-entry.ts";
import type { Database } from "../../shared/db/database.ts";
import type { MoveRow } from "../../shared/jobs/move.ts";
import type { SettleRow } from "../../shared/jobs/settle.ts";
import { attemptCost } from "./attempt-cost.ts";
import { decideNext, type Next, type Step } from "./decide-next.ts";
import { failureSign, type FailureSign } from "../health/failure-sign.ts";
import type { WorkerHealth } from "../health/provider-health.ts";
import { hasCaller, type Attempt } from "./attempt.ts";
import type { AttemptLog } from "./attempt-log.ts";
import { endError } from "../../shared/jobs/explain-end.ts";
import { storedResult } from "./stored-result.ts";

export interface ConcludeDeps {
  readonly database: Database;
  readonly health: Pick<WorkerHealth, "isUp" | "isResting" | "recordSuccess" | "recordFailure">;
  readonly attemptLog: Pick<AttemptLog, "failed">;
  readonly waitsForCapacity: (model: string) => boolean;
  readonly onClosed: (attempt: ClosedAttempt) => void;
  readonly random: () => number;
  /** When, after a move's delay, the sweeper first checks that the queue has the new entry. */
  readonly checkMs: number;
}

type Ok = Extract<ProviderOutcome, { kind: "ok" }>;
type Failed = Extract<ProviderOutcome, { kind: "failed" }>;

/** Closes an attempt: settles it, or moves its job on. Only what a statement returned is told. */
export function concludeAttempt(
  deps: ConcludeDeps,
): (attempt: Attempt, outcome: ProviderOutcome) => Promise<void> {
  return async (attempt, outcome) => {
    if (outcome.kind === "ok") {
      deps.health.recordSuccess(attempt.target.provider, attempt.startedAt);
      await settle(deps, attempt, outcome, "done");
    } else if (outcome.kind === "failed") await moveOn(deps, attempt, outcome);
    else await stop(deps, attempt, outcome);
  };
}

/** The job ends here. `error` is for the caller when it did not end well. */
async function settle(
  deps: ConcludeDeps,
  attempt: Attempt,
  outcome: ProviderOutcome,
  state: EndState,
  error?: ReplyError,
  code?: string,
): Promise<void> {
  const { jobId, job, answerHeaders } = attempt;
  const ledger = ledgerFacts(attempt, outcome, code ?? error?.code ?? null);
  if (outcome.kind === "ok" && !attempt.accepted)
    await attempt.reply.send(resultOf(attempt, outcome));
  const status = outcome.kind === "ok" ? outcome.responseStatus : undefined;
  const row = await deps.database.settle.submit({
    job: jobId,
    fence: job.fence,
    state,
    ...ledger,
    ...(status === undefined ? {} : { response_status: status }),
    ...(attempt.accepted ? { result: await storedResult(attempt, outcome, error) } : {}),
  });
  const ours = row.state === state && row.ledger_status === ledger.status;
  if (ours) closed(deps, attempt, ledger, row.overrun_nanos);
  const cost = { costNanos: row.cost_nanos ?? 0n };
  if (ours && outcome.kind === "ok") {
    await attempt.reply.send({ type: "end", state, answerHeaders, ...cost });
    return;
  }
  // Somebody else closed the attempt: the job may live on, and then its owner hears of it there.
  if (!ours && (row.state === "waiting" || row.state === "running")) return;
  await attempt.reply.send({
    type: "end",
    state: ours ? state : (endStateOf(row.state) ?? "failed"),
    answerHeaders,
    ...cost,
    error: (ours ? error : undefined) ?? endError(row.state),
  });
}

/** A failed attempt: the steps that may follow, in order, until the move statement accepts one. */
async function moveOn(deps: ConcludeDeps, attempt: Attempt, outcome: Failed): Promise<void> {
  const { jobId, place, job } = attempt;
  const why = deps.attemptLog.failed(attempt, outcome);
  const next = whatNext(deps, attempt, outcome, why);
  const ledger = ledgerFacts(attempt, outcome, outcome.reason);
  // A provider that rests gets one call at a time: its retries need no other bound.
  const rests = deps.health.isResting(attempt.target.provider);
  const isExcused = (step: Step): boolean =>
    step.kind === "retry" && (step.excused === true || rests);
  for (const step of next.steps) {
    const row = await deps.database.move.submit({
      job: jobId,
      place,
      fence: job.fence,
      target: step.kind === "move" ? step.target : job.target,
      delay_ms: step.delayMs,
      check_ms: deps.checkMs,
      ...(isExcused(step) ? { excused: true as const } : {}),
      ...(next.uncounted ? { uncounted: true as const } : {}),
      ...(isDoubtful(outcome) ? { doubtful: true as const } : {}),
      ...(step.kind === "retry" && step.outputCap !== undefined
        ? { output_cap: step.outputCap }
        : {}),
      ...ledger,
    });
    if (row.verdict === "no_retry" || row.verdict === "refused") continue;
    await tellMoved(deps, attempt, row, ledger, step.delayMs);
    return;
  }
  await settle(deps, attempt, outcome, "failed", next.fail, outcome.reason);
}

/**
 * The attempt is closed: its job waits at a new place, or the statement has ended it. `gone`:
 * somebody else closed it, and has told and counted what became of it.
 */
async function tellMoved(
  deps: ConcludeDeps,
  attempt: Attempt,
  row: MoveRow,
  ledger: LedgerEntry,
  delayMs: number,
): Promise<void> {
  const { answerHeaders } = attempt;
  const { verdict, provider, place, state } = row;
  if (verdict !== "gone") closed(deps, attempt, ledger, null);
  if (verdict === "moved" && provider !== null && place !== null)
    await attempt.reply.send({ type: "enqueue", provider, place, delayMs });
  else if (verdict === "budget" || verdict === "ended")
    await attempt.reply.send({
      type: "end",
      state: state as EndState,
      answerHeaders,
      error: endError(state, verdict === "budget" ? "insufficient_quota" : ""),
    });
}

/** The attempt was stopped from our side. */
async function stop(
  deps: ConcludeDeps,
  attempt: Attempt,
  outcome: Extract<ProviderOutcome, { kind: "aborted" }>,
): Promise<void> {
  const reason = attempt.abort.reason() ?? "stopped";
  if (reason === "lease_lost" || reason === "shutdown") {
    await waitAgain(deps, attempt, outcome, reason);
    return;
  }
  const state = reason === "deadline" || reason === "sync_wait" ? "expired" : "cancelled";
  await settle(deps, attempt, outcome, state, endError(state), reason);
}

/**
 * A lost lease and a worker that stops are no fault of the job or its provider: it waits again where
 * it was, unless a part of its answer has gone out or it has used up its attempts.
 */
async function waitAgain(
  deps: ConcludeDeps,
  attempt: Attempt,
  outcome: ProviderOutcome,
  code: string,
): Promise<void> {
  const { jobId, place, job } = attempt;
  const isLast = job.tries + (outcome.sent ? 1 : 0) >= job.max_attempts;
  if (attempt.forwarded || isLast) {
    await settle(deps, attempt, outcome, "failed", endError("failed"), code);
    return;
  }
  const ledger = ledgerFacts(attempt, outcome, code);
  const row = await deps.database.move.submit({
    job: jobId,
    place,
    fence: job.fence,
    target: job.target,
    delay_ms: 0,
    check_ms: deps.checkMs,
    excused: true,
    ...ledger,
  });
  if (row.verdict === "refused") await settle(deps, attempt, outcome, "failed", endError("failed"));
  else await tellMoved(deps, attempt, row, ledger, 0);
}

/** Of what an answer comes as, the part that its caller has asked for. */
function resultOf({ request }: Attempt, { contentType, body, tail }: Ok): ResultMessage {
  return {
    type: "result",
    contentType,
    ...(body === undefined || request.stream ? {} : { body }),
    ...(tail === undefined || !request.stream ? {} : { tail }),
  };
}

function endStateOf(state: SettleRow["state"]): EndState | null {
  return state === "waiting" || state === "running" ? null : state;
}

function whatNext(deps: ConcludeDeps, attempt: Attempt, outcome: Failed, why: string): Next {
  const { job, target, abort } = attempt;
  const { reason, status, retryAfterMs, error } = outcome;
  const mayGoOn = !abort.signal.aborted || abort.reason() === "lease_lost";
  const sign: FailureSign = failureSign({
    ...outcome,
    elapsedMs: performance.now() - attempt.startedAt,
  });
  const restMs = deps.health.recordFailure(target.provider, {
    job: attempt.jobId,
    request: createHash("sha256").update(attempt.request.body).digest("base64"),
    sign,
    patient: attempt.accepted,
    callerWaits: hasCaller(attempt),
    why,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
  const outputCap = smallerCap(attempt, outcome);
  const isQueued = reason === "engine_queue";
  const isFree = restMs !== undefined || outputCap !== undefined || !failureFacts[reason].counts;
  return decideNext({
    reason,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(error === undefined ? {} : { error }),
    ...(restMs === undefined ? {} : { restMs }),
    ...(outputCap === undefined ? {} : { outputCap }),
    forwarded: attempt.forwarded,
    tries: job.tries + (outcome.sent && !isFree ? 1 : 0),
    maxAttempts: job.max_attempts,
    attempts: job.fence,
    target: job.target,
    plan: job.plan,
    tried: new Set([...job.tried, target.provider]),
    up: (provider) => deps.health.isUp(provider),
    residency: job.residency,
    // What waits too long inside an engine overflows as it would from our own queue.
    overflowOnFailure: job.overflow_on_failure || isQueued,
    waitsForCapacity: attempt.accepted || deps.waitsForCapacity(job.model),
    isOwed: !hasCaller(attempt),
    remainingMs: mayGoOn ? job.remaining_ms - (performance.now() - attempt.startedAt) : 0,
    promptTokensBound: job.input_bound,
    random: deps.random,
  });
}

/** An answer of a server that is merely away, or a crash that the job has brought about. */
function isDoubtful({ reason, status }: Failed): boolean {
  return reason === "cut" || (reason === "server_error" && status === 500);
}

/** What the target would take, where the cap that it refused was not the caller's; ever less. */
function smallerCap({ request, job }: Attempt, outcome: Failed): number | undefined {
  const fitting = outcome.fittingOutputCap;
  if (fitting === undefined || request.capIsDefault !== true) return undefined;
  return fitting >= 1 && fitting < (job.output_cap ?? Number.POSITIVE_INFINITY)
    ? fitting
    : undefined;
}

function ledgerFacts(attempt: Attempt, outcome: ProviderOutcome, code: string | null): LedgerEntry {
  const { job, target } = attempt;
  const used = attemptCost(outcome, target, { input: job.input_bound, output: job.output_bound });
  return {
    status: ledgerStatus(outcome),
    error_code: code,
    prompt_tokens: used.promptTokens,
    completion_tokens: used.completionTokens,
    estimated: used.estimated,
    cost: used.nanos.toString(),
    ttft_ms: outcome.ttftMs === null ? null : Math.round(outcome.ttftMs),
    total_ms: Math.round(performance.now() - attempt.startedAt),
  };
}

function ledgerStatus(outcome: ProviderOutcome): LedgerStatus {
  if (outcome.kind === "ok") return "ok";
  if (!outcome.sent) return "not_sent";
  return outcome.kind === "aborted" ? "cancelled" : "failed";
}

function closed(
  deps: ConcludeDeps,
  attempt: Attempt,
  ledger: LedgerEntry,
  overrunNanos: bigint | null,
): void {
  const overrun = overrunNanos ?? 0n;
  deps.onClosed({
    provider: attempt.target.provider,
    status: ledger.status,
    queueMs: attempt.job.queue_ms,
    ttftMs: ledger.ttft_ms,
    costNanos: BigInt(ledger.cost) - overrun,
    overrunNanos: overrun,
  });
}
