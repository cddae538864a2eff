import type { FailureReason, UpstreamError } from "../shared/contracts/outcome.ts";
import type { Plan, PlannedTarget, Residency } from "../shared/contracts/plan.ts";
import type { ReplyError } from "../shared/contracts/reply.ts";
import { fullJitterMs } from "./back-off.ts";

/** One thing to try next. A retry stays at the same target; an excused one counts for no limit. */
export type Step =
  | { readonly kind: "move"; readonly target: number; readonly delayMs: number }
  | { readonly kind: "retry"; readonly delayMs: number; readonly excused?: true };

/** Why no job should be sent to the provider for now. */
export type ProviderTrouble = "unreachable" | "credential" | "quota";

export interface Next {
  /** In order, until the database accepts one. */
  readonly steps: readonly Step[];
  /** What the caller is told when no step is accepted. */
  readonly fail: ReplyError;
  readonly trouble?: ProviderTrouble;
}

export interface FailedAttempt {
  readonly reason: FailureReason;
  readonly retryAfterMs?: number;
  /** The upstream's own words. */
  readonly error?: UpstreamError;
  /** Bytes of this job's answer have gone to the caller. */
  readonly forwarded: boolean;
  /** Calls of this job that went out, this one included; a failed connection is none. */
  readonly tries: number;
  readonly maxAttempts: number;
  /** Index in the plan. */
  readonly target: number;
  readonly plan: Plan;
  /** Names of the providers that this job has been at, this one included. */
  readonly tried: ReadonlySet<string>;
  readonly up: (provider: string) => boolean;
  readonly residency: Residency;
  readonly overflowOnFailure: boolean;
  /** With no provider up, the route lets its jobs wait; else they get their 503 at once. */
  readonly waitsForCapacity: boolean;
  /** Time to the job's deadline. */
  readonly remainingMs: number;
  /** No prompt of this job has more tokens. */
  readonly promptTokensBound: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const brokenOff: ReplyError = {
  code: "upstream_failed",
  message: "The provider failed after a part of the answer had been sent.",
};
const unreachable: ReplyError = {
  code: "no_capacity",
  message: "No provider of this model can be reached.",
};
const misconfigured: ReplyError = {
  code: "upstream_failed",
  message: "A provider is misconfigured at the broker; sending the request again will not help.",
};
const quotaUsedUp: ReplyError = {
  code: "no_capacity",
  message: "The broker's quota at the providers of this model is used up.",
};
const tooLate: ReplyError = {
  code: "deadline_exceeded",
  message: "The deadline passed before a provider answered.",
};

/** What the caller hears when such a failure was the last; the rest is in the log. */
const failures = {
  request_timeout: "The provider gave up waiting for the request.",
  conflict: "The provider reported a conflict.",
  server_error: "The provider failed.",
  cut: "The provider broke off its answer.",
  malformed: "The provider's answer could not be read.",
  first_byte_timeout: "The provider did not begin to answer in time.",
  idle_timeout: "The provider stopped in the middle of its answer.",
} as const;

/** A move goes to a provider that has not failed; it only must not arrive in step with others. */
const moveJitter = { baseMs: 50, capMs: 50 };

/**
 * What follows a failed attempt: other targets first (`serve` before `overflow`, each provider
 * once), then the same one again after a back-off, else an honest error. Pure.
 *
 * While an overflow target is left to try, the last of `maxAttempts` is kept for it.
 */
export function decideNext(attempt: FailedAttempt): Next {
  const next = attempt.forwarded ? { steps: [], fail: brokenOff } : stepsAfter(attempt);
  return { ...next, ...troubleOf(attempt.reason) };
}

interface Steps {
  readonly steps: readonly Step[];
  readonly fail: ReplyError;
}

function stepsAfter(attempt: FailedAttempt): Steps {
  let next: Steps;
  switch (attempt.reason) {
    case "bad_request":
      return { steps: [], fail: rejected(attempt.error) };
    case "context_overflow":
      return { steps: moves(attempt, isRoomierThan(attempt)), fail: tooLong(attempt.error) };
    case "unsupported":
      next = { steps: moves(attempt), fail: rejected(attempt.error) };
      break;
    case "no_endpoint":
      // The call went out and is closed as it was; the next one asks through chat completions.
      next = { steps: askOtherwise(attempt), fail: misconfigured };
      break;
    case "connect":
      next = { steps: [...moves(attempt), ...waitHere(attempt)], fail: unreachable };
      break;
    case "auth":
    case "not_found":
      next = { steps: moves(attempt), fail: misconfigured };
      break;
    case "quota_exhausted":
      next = { steps: moves(attempt), fail: quotaUsedUp };
      break;
    case "rate_limited":
      next = {
        steps: [...moves(attempt), ...retryHere(attempt)],
        fail: rateLimited(attempt.retryAfterMs),
      };
      break;
    case "request_timeout":
    case "conflict":
    case "server_error":
    case "cut":
    case "malformed":
    case "first_byte_timeout":
    case "idle_timeout":
      next = {
        steps: [...moves(attempt), ...retryHere(attempt)],
        fail: { code: "upstream_failed", message: failures[attempt.reason] },
      };
      break;
  }
  // Past the deadline there are no steps, and the deadline is what the caller hears about.
  return attempt.remainingMs > 0 ? next : { steps: [], fail: tooLate };
}

function troubleOf(reason: FailureReason): { trouble?: ProviderTrouble } {
  if (reason === "connect") return { trouble: "unreachable" };
  if (reason === "auth") return { trouble: "credential" };
  return reason === "quota_exhausted" ? { trouble: "quota" } : {};
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
  if (!mayStay(attempt)) return [];
  const { tries, random, retryAfterMs = 0, remainingMs } = attempt;
  const delayMs = Math.max(retryAfterMs, fullJitterMs(tries, random));
  return delayMs < remainingMs ? [{ kind: "retry", delayMs }] : [];
}

/** The same target at once, however many calls went out: the provider refuses its endpoint once. */
function askOtherwise(attempt: FailedAttempt): readonly Step[] {
  const here = attempt.plan[attempt.target];
  const resident = here !== undefined && isResident(attempt, here);
  return resident ? [{ kind: "retry", delayMs: 0, excused: true }] : [];
}

/** Back into the queue of a provider that cannot be reached, which rests until it answers. */
function waitHere(attempt: FailedAttempt): readonly Step[] {
  const { tries, random, remainingMs } = attempt;
  if (!attempt.waitsForCapacity || !mayStay(attempt) || remainingMs <= 0) return [];
  return [{ kind: "retry", delayMs: Math.min(fullJitterMs(tries + 1, random), remainingMs) }];
}

function mayStay(attempt: FailedAttempt): boolean {
  const here = attempt.plan[attempt.target];
  return (
    here !== undefined && isResident(attempt, here) && attempt.tries < triesFor(attempt, here.role)
  );
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
 * Targets that may hold a prompt which was too long here: those known to have more context. When
 * this target's own is unknown, those that hold any prompt of this size for certain.
 */
function isRoomierThan({ plan, target, promptTokensBound }: FailedAttempt): Suits {
  const here = plan[target]?.contextLength;
  return ({ contextLength = 0 }) =>
    here === undefined ? contextLength > promptTokensBound : contextLength > here;
}

function rejected(error: UpstreamError | undefined): ReplyError {
  return {
    code: "upstream_rejected",
    message: error?.message ?? "The provider rejected this request.",
    ...(error?.param === undefined ? {} : { param: error.param }),
    ...(error?.code === undefined ? {} : { wireCode: error.code }),
  };
}

function tooLong(error: UpstreamError | undefined): ReplyError {
  return {
    code: "context_length_exceeded",
    message: error?.message ?? "The request does not fit into the model's context.",
    ...(error?.param === undefined ? {} : { param: error.param }),
  };
}

function rateLimited(retryAfterMs: number | undefined): ReplyError {
  return {
    code: "rate_limit_exceeded",
    message: "The providers of this model take no more requests for the moment.",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
