import { describe, expect, test } from "vitest";
import {
  failureRules,
  failureReasons,
  type FailureReason,
} from "../../../../shared/contracts/failure-reason.ts";
import { decideNext, type FailedAttempt } from "../../../../workers/attempts/decide-next.ts";
import { failedAttempt, target } from "./failed-attempt.ts";

const here = target("gpu-a", "serve", "local", 8192);
const asRoomy = target("gpu-b", "serve", "local", 8192);
const roomier = target("gpu-c", "serve", "local", 16_384);

/** The providers that get the job, in order, `gpu-a` after its own failure. */
function providersAfter(reason: FailureReason, changes: Partial<FailedAttempt> = {}): string[] {
  const plan = [here, asRoomy, roomier];
  const attempt = failedAttempt({ plan, maxAttempts: 5, reason, ...changes });
  return decideNext(attempt).steps.map((step) =>
    step.kind === "move" ? (plan[step.target]?.provider ?? "") : here.provider,
  );
}

const takers = {
  anywhere: ["gpu-b", "gpu-c", "gpu-a"],
  elsewhere: ["gpu-b", "gpu-c"],
  roomier: ["gpu-c"],
  nowhere: [],
} as const;

describe.each(failureReasons)("a call that failed for %s", (reason) => {
  const { counts, retryAt } = failureRules[reason];

  test(`may be repeated ${retryAt}`, () => {
    // A missing endpoint needs no other target: the next call asks through chat completions.
    const expected = reason === "no_endpoint" ? ["gpu-a"] : takers[retryAt];
    expect(providersAfter(reason)).toEqual(expected);
  });

  test(`uses up an attempt: ${counts}`, () => {
    expect(decideNext(failedAttempt({ reason })).uncounted).toBe(!counts);
  });

  test("is explained by the deadline once that is over, unless the request is at fault", () => {
    const { fail } = decideNext(failedAttempt({ reason, remainingMs: 0 }));
    const isAtFault = retryAt === "nowhere" || retryAt === "roomier";
    expect(fail.code === "deadline_exceeded").toBe(!isAtFault);
  });
});

test("these failures use up no attempt", () => {
  expect(failureReasons.filter((reason) => !failureRules[reason].counts)).toEqual([
    "connect",
    "no_endpoint",
    "engine_queue",
  ]);
});

test("these failures would come again at the same target", () => {
  expect(failureReasons.filter((reason) => failureRules[reason].retryAt !== "anywhere")).toEqual([
    "auth",
    "not_found",
    "unsupported",
    "quota_exhausted",
    "bad_request",
    "context_overflow",
  ]);
});
