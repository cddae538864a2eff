import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failureReasons } from "../../../../shared/contracts/failure-reason.ts";
import { decideNext } from "../../../../workers/attempts/decide-next.ts";
import { failedAttempt, target } from "./failed-attempt.ts";

const anyAttempt = fc
  .record({
    plan: fc
      .array(
        fc.record({
          role: fc.constantFrom("serve" as const, "overflow" as const),
          location: fc.constantFrom("local" as const, "cloud" as const),
          contextLength: fc.option(fc.integer({ min: 1, max: 9999 }), { nil: undefined }),
        }),
        { minLength: 1, maxLength: 5 },
      )
      .map((list) =>
        list.map((each, i) => target(`p${i}`, each.role, each.location, each.contextLength)),
      ),
    reason: fc.constantFrom(...failureReasons),
    maxAttempts: fc.integer({ min: 1, max: 5 }),
    residency: fc.constantFrom("local" as const, "any" as const),
    overflowOnFailure: fc.boolean(),
    waitsForCapacity: fc.boolean(),
    isOwed: fc.boolean(),
    remainingMs: fc.integer({ min: -10, max: 20_000 }),
    retryAfterMs: fc.integer({ min: 0, max: 60_000 }),
    downMask: fc.integer({ min: 0, max: 31 }),
    random: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
    choice: fc.nat(),
    forwarded: fc.boolean(),
    restMs: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    attempts: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ downMask, random, choice, restMs, ...rest }) => ({
    ...rest,
    ...(restMs === undefined ? {} : { restMs }),
    choice,
    random: () => random,
    up: (provider: string) => (downMask & (1 << Number(provider.slice(1)))) === 0,
    promptTokensBound: 500,
  }));

describe("decideNext, for every plan and failure", () => {
  it("never sends more than maxAttempts calls, however the steps are chosen", () => {
    fc.assert(
      fc.property(anyAttempt, fc.array(fc.nat(), { maxLength: 30 }), (given, picks) => {
        // The target that follows a missing endpoint or an engine's queue does not count for the
        // limit.
        fc.pre(given.reason !== "no_endpoint" && given.reason !== "engine_queue");
        let at = 0;
        let tries = 0;
        const tried = new Set<string>();
        for (const pick of picks) {
          if (given.reason !== "connect" && given.restMs === undefined) tries += 1;
          tried.add(`p${at}`);
          expect(tries).toBeLessThanOrEqual(given.maxAttempts);
          const { steps } = decideNext(failedAttempt({ ...given, tries, target: at, tried }));
          const step = steps[pick % Math.max(1, steps.length)];
          if (step === undefined) return;
          const revisited = step.kind === "move" && tried.has(`p${step.target}`);
          expect(revisited).toBe(false);
          at = step.kind === "move" ? step.target : at;
        }
      }),
    );
  });

  it("never takes a residency=local job to a cloud provider, nor keeps it there", () => {
    fc.assert(
      fc.property(anyAttempt, (given) => {
        const at = given.choice % given.plan.length;
        const tried = new Set([`p${at}`]);
        const input = failedAttempt({ ...given, residency: "local", target: at, tried });
        for (const step of decideNext(input).steps) {
          const index = step.kind === "move" ? step.target : at;
          expect(given.plan[index]?.location).toBe("local");
        }
      }),
    );
  });

  it("keeps the last attempt for an overflow target that could still take the job", () => {
    fc.assert(
      fc.property(anyAttempt, (given) => {
        const at = given.choice % given.plan.length;
        fc.pre(!["no_endpoint", "connect", "engine_queue"].includes(given.reason));
        fc.pre(given.restMs === undefined);
        const tries = given.maxAttempts - 1;
        const input = failedAttempt({ ...given, tries, target: at, tried: new Set([`p${at}`]) });
        const { steps } = decideNext(input);
        const open = given.plan.some(
          (each, i) =>
            i !== at &&
            each.role === "overflow" &&
            given.overflowOnFailure &&
            given.up(each.provider) &&
            (given.residency === "any" || each.location === "local"),
        );
        if (!open || given.plan[at]?.role === "overflow") return;
        for (const step of steps) {
          expect(step.kind === "move" && given.plan[step.target]?.role).toBe("overflow");
        }
      }),
    );
  });

  it("counts no attempt of which nothing ran, and then keeps a patient job to its deadline", () => {
    fc.assert(
      fc.property(anyAttempt, fc.integer({ min: 0, max: 40_000 }), (given, restMs) => {
        const at = given.choice % given.plan.length;
        const input = failedAttempt({
          ...given,
          reason: "server_error",
          restMs,
          forwarded: false,
          waitsForCapacity: true,
          tries: 0,
          residency: "any",
          target: at,
          tried: new Set([`p${at}`]),
        });
        const { steps, uncounted } = decideNext(input);
        expect(uncounted).toBe(true);
        const waits = steps.some((step) => step.kind === "retry");
        expect(waits).toBe(given.remainingMs > 0 && given.retryAfterMs < given.remainingMs);
      }),
    );
  });

  it("never waits beyond the deadline, and takes no step after forwarding", () => {
    fc.assert(
      fc.property(anyAttempt, (given) => {
        const { steps } = decideNext(failedAttempt({ ...given, tried: new Set(["p0"]) }));
        expect(given.forwarded && steps.length > 0).toBe(false);
        for (const { delayMs } of steps) expect(delayMs).toBeLessThanOrEqual(given.remainingMs);
      }),
    );
  });
});
