import { failureRules, type FailureReason } from "../../shared/contracts/failure-reason.ts";
import type { Plan, PlannedTarget, Residency } from "../../shared/contracts/plan.ts";
import type { ReplyError } from "../../shared/contracts/reply.ts";
import { explainFailure } from "../../shared/jobs/explain-end.ts";
import { fullJitterMs } from "./back-off.ts";
import { callerError, type LastFailure } from "./caller-error.ts";

/**
 * One thing to try next. A retry stays at the same target. An excused one counts against no limit.
 */
export type Step =
  | { readonly kind: "move"; readonly target: number; readonly delayMs: number }
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly excused?: true;
      /** The next attempt asks for at most so many output tokens. */
      readonly outputCap?: number;
    };

export interface Next {
  /** The worker tries them in order until the database accepts one. */
  readonly steps: readonly Step[];
  /** True when nothing ran: the attempt is not counted, and the next one is not a retry. */
  readonly uncounted: boolean;
  /** The caller gets this error if no step is accepted. */
  readonly fail: ReplyError;
}

export interface FailedAttempt extends LastFailure {
  /** True once bytes of this job's answer have gone to the caller. */
  readonly forwarded: boolean;
  /** The job has used so many of its attempts, this one included unless nothing ran. */
  readonly tries: number;
  readonly maxAttempts: number;
  /**
   * The job has made so many attempts of any kind, this one included. Its back-off grows with them.
   */
  readonly attempts: number;
  /** Index in the plan. */
  readonly target: number;
  readonly plan: Plan;
  /** The job has been at these providers, this one included. */
  readonly tried: ReadonlySet<string>;
  readonly up: (provider: string) => boolean;
  /**
   * The provider refused the call for its own state, nothing ran, and the provider rests so long
   * from now. The job waits for it until its deadline.
   */
  readonly restMs?: number;
  /** With this smaller output cap the same target would take the request. */
  readonly outputCap?: number;
  readonly residency: Residency;
  readonly overflowOnFailure: boolean;
  /**
   * True when the route lets its jobs wait while no provider is up. Otherwise they get a 503 at
   * once.
   */
  readonly waitsForCapacity: boolean;
  /** True when the broker owes the result, and nobody waits for it on a connection. */
  readonly isOwed: boolean;
  /** Time to the job's deadline. */
  readonly remainingMs: number;
  /** No prompt of this job has more tokens. */
  readonly promptTokensBound: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * A move goes to a provider that has not failed. Its jitter only keeps jobs from arriving together.
 */
const moveJitter = { baseMs: 50, capMs: 50 };
/** After this time every worker knows of a provider's rest and takes no entry for it. */
const TOLD_MS = 2_000;
/** After a rest other jobs have their turn first: the provider may refuse just this one. */
const restJitter = { baseMs: 250, capMs: 10_000 };
/** An owed job that may not be tried again now waits so long. A short failure is over by then. */
const owed = { leastMs: 10_000, jitter: { baseMs: 10_000, capMs: 60_000 } };

/**
 * Decides what follows a failed attempt. The function is pure.
 *
 * | failure                            | next                                       | counts |
 * | ---------------------------------- | ------------------------------------------ | ------ |
 * | bytes have gone to the caller      | an honest error                            | yes    |
 * | `bad_request`                      | the caller's 4xx                           | yes    |
 * | `context_overflow`                 | here with a smaller cap if one would do,   | no     |
 * |                                    | else targets with more room                | yes    |
 * | `unsupported`                      | other targets, then the caller's 4xx       | yes    |
 * | `auth`, `not_found`, `quota_…`     | other targets, then an error not to retry  | yes    |
 * | `auth`, `quota_…` when no caller   | other targets, else waits here with other  | no     |
 * | waits for the job (`restMs`)       | jobs, until the deadline at most           |        |
 * | `no_endpoint`                      | here at once, as chat completions          | no     |
 * | `engine_queue`                     | other targets, else here once more         | no     |
 * | refused for the provider's state   | other targets, else here after its rest,   | no     |
 * | (`restMs`), `connect`              | to the deadline                            |        |
 * | all else                           | other targets, then here after a back-off  | yes    |
 *
 * A retry for which the retry budget (I9 of docs/architecture.md) has no room fails its job. A job
 * that is owed its result waits for ten seconds or more instead, and then belongs to no wave of
 * retries.
 *
 * Other targets are tried `serve` before `overflow`, each provider once, and only while it is up.
 * While an overflow target is left to try, the last of `maxAttempts` is kept for it.
 */
export function decideNext(attempt: FailedAttempt): Next {
  const { reason, restMs } = attempt;
  const fail = callerError({
    ...attempt,
    ...(restMs === undefined ? {} : { retryAfterMs: Math.max(restMs, attempt.retryAfterMs ?? 0) }),
  });
  const uncounted = restMs !== undefined || !failureRules[reason].counts;
  if (attempt.forwarded) return { steps: [], uncounted: false, fail: explainFailure("broken_off") };
  const shrink = askForLess(attempt);
  if (shrink.length > 0) return { steps: [...shrink, ...moves(attempt)], uncounted: true, fail };
  const isOver = attempt.remainingMs <= 0 && !isLasting(reason);
  // Past the deadline there are no steps, and the caller is told of the deadline.
  return isOver
    ? { steps: [], uncounted, fail: explainFailure("too_late") }
    : { steps: stepsAfter(attempt), uncounted, fail };
}

function stepsAfter(attempt: FailedAttempt): readonly Step[] {
  const { reason, restMs } = attempt;
  const { retryAt } = failureRules[reason];
  if (retryAt === "nowhere") return [];
  if (retryAt === "roomier") return moves(attempt, isRoomierThan(attempt));
  // This attempt is closed as it was. The next one asks through chat completions.
  if (reason === "no_endpoint") return askOtherwise(attempt);
  if (retryAt === "elsewhere") {
    // The request is not at fault: it waits with all others until the provider is repaired.
    const here = restMs === undefined ? [] : waitHere(attempt, Math.min(restMs, TOLD_MS));
    return [...moves(attempt), ...here];
  }
  // The request is not at fault: if no other target takes it, it waits here again.
  if (reason === "engine_queue") return [...moves(attempt), ...askOtherwise(attempt)];
  if (reason === "connect") return [...moves(attempt), ...waitHere(attempt, 0)];
  const here = restMs === undefined ? retryHere(attempt) : waitHere(attempt, restMs);
  return [...moves(attempt), ...here];
}

/**
 * Tells whether the request itself is at fault, which the caller is told even past the deadline.
 */
function isLasting(reason: FailureReason): boolean {
  const { retryAt } = failureRules[reason];
  return retryAt === "nowhere" || retryAt === "roomier";
}

type Suits = (target: PlannedTarget) => boolean;

/** Returns a move to each target that may take the job now, `serve` before `overflow`. */
function moves(attempt: FailedAttempt, suits: Suits = () => true): readonly Step[] {
  const { plan, tries, remainingMs, random } = attempt;
  if (remainingMs <= 0) return [];
  const now = attempt.reason === "connect";
  const targets = plan.flatMap((target, index) => {
    const open = isOpen(attempt, target) && suits(target);
    return open && tries < triesFor(attempt, target.role) ? [{ role: target.role, index }] : [];
  });
  return [
    ...targets.filter(({ role }) => role === "serve"),
    ...targets.filter(({ role }) => role === "overflow"),
  ].map(({ index }) => ({
    kind: "move",
    target: index,
    delayMs: now ? 0 : Math.min(fullJitterMs(1, random, moveJitter), remainingMs),
  }));
}

/** Returns the retries at the same target after a back-off that end before the deadline. */
function retryHere(attempt: FailedAttempt): readonly Step[] {
  if (!mayStay(attempt) || attempt.tries >= triesFor(attempt, roleHere(attempt))) return [];
  const { tries, random, retryAfterMs = 0, remainingMs, isOwed } = attempt;
  const delayMs = Math.max(retryAfterMs, fullJitterMs(tries, random));
  const laterMs = Math.max(retryAfterMs, owed.leastMs + fullJitterMs(tries, random, owed.jitter));
  const steps: readonly Step[] = [
    { kind: "retry", delayMs },
    ...(isOwed ? [{ kind: "retry", delayMs: laterMs, excused: true } as const] : []),
  ];
  return steps.filter((step) => step.delayMs < remainingMs);
}

/** Returns a retry at the same target at once, with the output cap that fits there. */
function askForLess(attempt: FailedAttempt): readonly Step[] {
  const { reason, outputCap, remainingMs } = attempt;
  if (reason !== "context_overflow" || outputCap === undefined) return [];
  return mayStay(attempt) && remainingMs > 0 ? [{ kind: "retry", delayMs: 0, outputCap }] : [];
}

/**
 * Returns a retry at the same target at once, however many calls went out. A provider refuses its
 * endpoint only once.
 */
function askOtherwise(attempt: FailedAttempt): readonly Step[] {
  return mayStay(attempt) ? [{ kind: "retry", delayMs: 0, excused: true }] : [];
}

/**
 * Returns a wait in the queue of a provider that rests, unless the provider asks to be left alone
 * beyond the deadline. `tries` is at its limit only if the database counts an attempt that this
 * table does not.
 */
function waitHere(attempt: FailedAttempt, restMs: number): readonly Step[] {
  const { attempts, tries, maxAttempts, random, remainingMs, retryAfterMs = 0 } = attempt;
  if (!attempt.waitsForCapacity || !mayStay(attempt) || tries >= maxAttempts) return [];
  if (remainingMs <= 0 || retryAfterMs >= remainingMs) return [];
  const delayMs = restMs + fullJitterMs(attempts, random, restJitter);
  // A rest that the broker chose may end before its time.
  return [{ kind: "retry", delayMs: Math.min(delayMs, Math.ceil(remainingMs / 2)) }];
}

function mayStay(attempt: FailedAttempt): boolean {
  const here = attempt.plan[attempt.target];
  return here !== undefined && isResident(attempt, here);
}

function roleHere({ plan, target }: FailedAttempt): PlannedTarget["role"] {
  return plan[target]?.role ?? "serve";
}

/** Returns how many calls may have gone out before one more at a target of this role. */
function triesFor(attempt: FailedAttempt, role: PlannedTarget["role"]): number {
  const kept = role === "serve" && attempt.plan.some((target) => isOpenOverflow(attempt, target));
  return attempt.maxAttempts - (kept ? 1 : 0);
}

function isOpenOverflow(attempt: FailedAttempt, target: PlannedTarget): boolean {
  return target.role === "overflow" && isOpen(attempt, target);
}

function isOpen(attempt: FailedAttempt, target: PlannedTarget): boolean {
  return (
    target !== attempt.plan[attempt.target] &&
    (target.role === "serve" || attempt.overflowOnFailure) &&
    !attempt.tried.has(target.provider) &&
    isResident(attempt, target) &&
    attempt.up(target.provider)
  );
}

function isResident(attempt: FailedAttempt, target: PlannedTarget): boolean {
  return attempt.residency === "any" || target.location === "local";
}

/**
 * Selects targets that may hold a prompt which was too long here. Known context lengths decide. An
 * unknown length counts as more than a known one, and a cloud's as more than a local engine's. If
 * this target's length is unknown, targets that certainly hold a prompt of this size are selected
 * too.
 */
function isRoomierThan({ plan, target, promptTokensBound }: FailedAttempt): Suits {
  const here = plan[target];
  return (there) => {
    if (here?.contextLength !== undefined)
      return there.contextLength === undefined || there.contextLength > here.contextLength;
    if (here?.location === "local" && there.location === "cloud") return true;
    return there.contextLength !== undefined && there.contextLength > promptTokensBound;
  };
}
