import type { FailureReason } from "../../shared/contracts/outcome.ts";
import type { Plan, PlannedTarget, Residency } from "../../shared/contracts/plan.ts";
import type { ReplyError } from "../../shared/contracts/reply.ts";
import { fullJitterMs } from "./back-off.ts";
import { brokenOff, callerError, tooLate, type LastFailure } from "./caller-error.ts";

/** One thing to try next. A retry stays at the same target; an excused one counts for no limit. */
export type Step =
  | { readonly kind: "move"; readonly target: number; readonly delayMs: number }
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly excused?: true;
      /** The next attempt asks for no more output tokens. */
      readonly outputCap?: number;
    };

export interface Next {
  /** In order, until the database accepts one. */
  readonly steps: readonly Step[];
  /** Nothing ran: the attempt uses up none of the job's, and what follows is no retry. */
  readonly uncounted: boolean;
  /** What the caller is told when no step is accepted. */
  readonly fail: ReplyError;
}

export interface FailedAttempt extends LastFailure {
  /** Bytes of this job's answer have gone to the caller. */
  readonly forwarded: boolean;
  /** Calls of this job that count against its attempts, this one included unless nothing ran. */
  readonly tries: number;
  readonly maxAttempts: number;
  /** Attempts of this job of any kind, this one included: what grows with them is its back-off. */
  readonly attempts: number;
  /** Index in the plan. */
  readonly target: number;
  readonly plan: Plan;
  /** Names of the providers that this job has been at, this one included. */
  readonly tried: ReadonlySet<string>;
  readonly up: (provider: string) => boolean;
  /**
   * The provider refused the call for its own state, nothing ran, and it rests so long from now. The
   * job waits for it to its deadline.
   */
  readonly restMs?: number;
  /** A smaller output cap with which the same target would take the request. */
  readonly outputCap?: number;
  readonly residency: Residency;
  readonly overflowOnFailure: boolean;
  /** With no provider up, the route lets its jobs wait; else they get their 503 at once. */
  readonly waitsForCapacity: boolean;
  /** The job is owed its result, and nobody waits for it on a connection. */
  readonly isOwed: boolean;
  /** Time to the job's deadline. */
  readonly remainingMs: number;
  /** No prompt of this job has more tokens. */
  readonly promptTokensBound: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A move goes to a provider that has not failed; it only must not arrive in step with others. */
const moveJitter = { baseMs: 50, capMs: 50 };
/** Every worker has heard of a provider's rest by then, and takes nothing for it. */
const TOLD_MS = 2_000;
/** After a provider's rest, others have their turn first: it may be this job that is refused. */
const restJitter = { baseMs: 250, capMs: 10_000 };
/** Of what is owed and may not be tried again now: long enough for what failed at once to be over. */
const owed = { leastMs: 10_000, jitter: { baseMs: 10_000, capMs: 60_000 } };

/**
 * What follows a failed attempt. Pure.
 *
 * | failure                            | next                                       | counts |
 * | ---------------------------------- | ------------------------------------------ | ------ |
 * | bytes have gone to the caller      | an honest error                            | yes    |
 * | `bad_request`                      | the caller's 4xx                           | yes    |
 * | `context_overflow`                 | here with a smaller cap if one would do,   | no     |
 * |                                    | else targets with more room                | yes    |
 * | `unsupported`                      | other targets, then the caller's 4xx       | yes    |
 * | `auth`, `not_found`, `quota_…`     | other targets, then an error not to retry  | yes    |
 * | `auth`, `quota_…` of a job that    | other targets, else with those that wait   | no     |
 * | nobody waits for (`restMs`)        | here, to the deadline                      |        |
 * | `no_endpoint`                      | here at once, asked otherwise              | no     |
 * | `engine_queue`                     | other targets, else here once more         | no     |
 * | refused for the provider's state   | other targets, else here after its rest,   | no     |
 * | (`restMs`), `connect`              | to the deadline                            |        |
 * | all else                           | other targets, then here after a back-off  | yes    |
 *
 * A retry that the retry budget (I9 of docs/architecture.md) has no room for fails its job. A job
 * that is owed its result waits for ten seconds or more instead, and is then part of no wave of
 * retries.
 *
 * Other targets: `serve` before `overflow`, each provider once, only what is up. While an overflow
 * target is left to try, the last of `maxAttempts` is kept for it.
 */
export function decideNext(attempt: FailedAttempt): Next {
  const { reason, restMs } = attempt;
  const fail = callerError({
    ...attempt,
    ...(restMs === undefined ? {} : { retryAfterMs: Math.max(restMs, attempt.retryAfterMs ?? 0) }),
  });
  const uncounted = restMs !== undefined || freeReasons.has(reason);
  if (attempt.forwarded) return { steps: [], uncounted: false, fail: brokenOff };
  const shrink = askForLess(attempt);
  if (shrink.length > 0) return { steps: [...shrink, ...moves(attempt)], uncounted: true, fail };
  const isOver = attempt.remainingMs <= 0 && !isLasting(reason);
  // Past the deadline there are no steps, and the deadline is what the caller hears about.
  return isOver
    ? { steps: [], uncounted, fail: tooLate }
    : { steps: stepsAfter(attempt), uncounted, fail };
}

/** Of calls that did not run, or that only the broker cut short. */
export const freeReasons: ReadonlySet<FailureReason> = new Set([
  "connect",
  "no_endpoint",
  "engine_queue",
]);

function stepsAfter(attempt: FailedAttempt): readonly Step[] {
  const { reason, restMs } = attempt;
  if (reason === "bad_request") return [];
  if (reason === "context_overflow") return moves(attempt, isRoomierThan(attempt));
  // The call went out and is closed as it was; the next one asks through chat completions.
  if (reason === "no_endpoint") return askOtherwise(attempt);
  if (onlyElsewhere.has(reason)) {
    // Not the request's fault: it waits with all others until the provider is mended.
    const here = restMs === undefined ? [] : waitHere(attempt, Math.min(restMs, TOLD_MS));
    return [...moves(attempt), ...here];
  }
  // Nothing was wrong with it: should no other target take it, it waits here again.
  if (reason === "engine_queue") return [...moves(attempt), ...askOtherwise(attempt)];
  if (reason === "connect") return [...moves(attempt), ...waitHere(attempt, 0)];
  const here = restMs === undefined ? retryHere(attempt) : waitHere(attempt, restMs);
  return [...moves(attempt), ...here];
}

/** What the same target would answer again. */
const onlyElsewhere: ReadonlySet<FailureReason> = new Set([
  "unsupported",
  "auth",
  "not_found",
  "quota_exhausted",
]);

/** The request's own fault, whenever it is told. */
function isLasting(reason: FailureReason): boolean {
  return reason === "bad_request" || reason === "context_overflow";
}

type Suits = (target: PlannedTarget) => boolean;

/** Moves to every target that may take the job now, `serve` before `overflow`. */
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

/** The same target after a back-off, unless the deadline comes first. */
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

/** The same target at once, with the output cap that fits there. */
function askForLess(attempt: FailedAttempt): readonly Step[] {
  const { reason, outputCap, remainingMs } = attempt;
  if (reason !== "context_overflow" || outputCap === undefined) return [];
  return mayStay(attempt) && remainingMs > 0 ? [{ kind: "retry", delayMs: 0, outputCap }] : [];
}

/** The same target at once, however many calls went out: the provider refuses its endpoint once. */
function askOtherwise(attempt: FailedAttempt): readonly Step[] {
  return mayStay(attempt) ? [{ kind: "retry", delayMs: 0, excused: true }] : [];
}

/**
 * Back into the queue of a provider that rests, unless it has asked to be left alone beyond the
 * deadline. `tries` is at its limit only where the database counts what was to count for nothing.
 */
function waitHere(attempt: FailedAttempt, restMs: number): readonly Step[] {
  const { attempts, tries, maxAttempts, random, remainingMs, retryAfterMs = 0 } = attempt;
  if (!attempt.waitsForCapacity || !mayStay(attempt) || tries >= maxAttempts) return [];
  if (remainingMs <= 0 || retryAfterMs >= remainingMs) return [];
  const delayMs = restMs + fullJitterMs(attempts, random, restJitter);
  // A rest of our own making may end before it is over.
  return [{ kind: "retry", delayMs: Math.min(delayMs, Math.ceil(remainingMs / 2)) }];
}

function mayStay(attempt: FailedAttempt): boolean {
  const here = attempt.plan[attempt.target];
  return here !== undefined && isResident(attempt, here);
}

function roleHere({ plan, target }: FailedAttempt): PlannedTarget["role"] {
  return plan[target]?.role ?? "serve";
}

/** Calls that may have gone out before one more at such a target. */
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
 * Targets that may hold a prompt which was too long here. Known lengths decide; an unknown one counts
 * as more than a known one, and a cloud's as more than that of an engine of one's own. When this
 * target's own is unknown, also those that hold any prompt of this size for certain.
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
