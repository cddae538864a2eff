import { describe, expect, it } from "vitest";
import { failureReasons } from "../../../../shared/contracts/failure-reason.ts";
import type { Plan } from "../../../../shared/contracts/plan.ts";
import { errorCatalogue } from "../../../../shared/errors/catalogue.ts";
import {
  decideNext,
  type FailedAttempt,
  type Step,
} from "../../../../workers/attempts/decide-next.ts";
import { failedAttempt, target } from "./failed-attempt.ts";

const gpuA = target("gpu-a", "serve", "local", 8192);
const gpuB = target("gpu-b", "serve", "local", 8192);
const cloud = target("cloud", "overflow", "cloud", 128_000);
const unknownCloud = target("cloud", "overflow", "cloud");
const twoAndCloud: Plan = [gpuA, gpuB, cloud];

const toB: Step = { kind: "move", target: 1, delayMs: 25 };
const toCloud: Step = { kind: "move", target: 2, delayMs: 25 };
const hereAgain: Step = { kind: "retry", delayMs: 125 };

interface Row {
  readonly when: string;
  readonly given: Partial<FailedAttempt>;
  readonly steps: readonly Step[];
  readonly code: keyof typeof errorCatalogue;
  readonly uncounted?: boolean;
}

const wide = { plan: twoAndCloud } as const;
const upstreamTrouble = [
  "request_timeout",
  "conflict",
  "server_error",
  "cut",
  "malformed",
] as const;
const timeouts = ["first_byte_timeout", "idle_timeout"] as const;

const rows: readonly Row[] = [
  {
    when: "connect error: other targets at once, else wait in the queue",
    given: { ...wide, reason: "connect", tries: 0 },
    steps: [
      { kind: "move", target: 1, delayMs: 0 },
      { kind: "move", target: 2, delayMs: 0 },
      { kind: "retry", delayMs: 125 },
    ],
    code: "no_capacity",
    uncounted: true,
  },
  {
    when: "connect error with no other target up: wait in this provider's queue",
    given: { ...wide, reason: "connect", tries: 0, up: () => false },
    steps: [{ kind: "retry", delayMs: 125 }],
    code: "no_capacity",
    uncounted: true,
  },
  {
    when: "connect error with nothing up, on a route that rather refuses than waits",
    given: { ...wide, reason: "connect", tries: 0, up: () => false, waitsForCapacity: false },
    steps: [],
    code: "no_capacity",
    uncounted: true,
  },
  {
    when: "401/403: another target, never the same",
    given: { ...wide, reason: "auth" },
    steps: [toB, toCloud],
    code: "upstream_failed",
  },
  {
    when: "401/403 with a single target: fails",
    given: { reason: "auth" },
    steps: [],
    code: "upstream_failed",
  },
  ...(["auth", "quota_exhausted"] as const).map((reason): Row => ({
    when: `${reason} of a job that waits for the operator: other targets, then among those that wait here`,
    given: { ...wide, reason, restMs: 15_000 },
    steps: [toB, toCloud, { kind: "retry", delayMs: 2_125 }],
    code: reason === "auth" ? "upstream_failed" : "no_capacity",
    uncounted: true,
  })),
  {
    when: "404: another target, never the same",
    given: { ...wide, reason: "not_found" },
    steps: [toB, toCloud],
    code: "upstream_failed",
  },
  {
    when: "quota exhausted: another target, never the same",
    given: { ...wide, reason: "quota_exhausted", retryAfterMs: 5000 },
    steps: [toB, toCloud],
    code: "no_capacity",
  },
  {
    when: "429 with retry-after: another target, then here no sooner than asked",
    given: { ...wide, reason: "rate_limited", retryAfterMs: 7000 },
    steps: [toB, toCloud, { kind: "retry", delayMs: 7000 }],
    code: "rate_limit_exceeded",
  },
  {
    when: "a job that is owed waits longer where the retry budget has no room for it",
    given: { reason: "server_error", isOwed: true },
    steps: [
      { kind: "retry", delayMs: 125 },
      { kind: "retry", delayMs: 15_000, excused: true },
    ],
    code: "upstream_failed",
  },
  {
    when: "a job that is owed with less time left than that: the usual retry alone",
    given: { reason: "server_error", isOwed: true, remainingMs: 9_000 },
    steps: [{ kind: "retry", delayMs: 125 }],
    code: "upstream_failed",
  },
  {
    when: "429 asking for more time than is left: no retry",
    given: { reason: "rate_limited", retryAfterMs: 7000, remainingMs: 7000 },
    steps: [],
    code: "rate_limit_exceeded",
  },
  ...[...upstreamTrouble, ...timeouts].map((reason): Row => ({
    when: `${reason}: other targets, then here`,
    given: { ...wide, reason },
    steps: [toB, toCloud, hereAgain],
    code: "upstream_failed",
  })),
  {
    when: "5xx when only one target exists: here again",
    given: {},
    steps: [hereAgain],
    code: "upstream_failed",
  },
  {
    when: "5xx at the second of three tries: the third is kept for overflow",
    given: { ...wide, target: 1, tries: 2, tried: new Set(["gpu-a", "gpu-b"]) },
    steps: [toCloud],
    code: "upstream_failed",
  },
  {
    when: "5xx at the second try while overflow is down: the third may be here",
    given: {
      ...wide,
      target: 1,
      tries: 2,
      tried: new Set(["gpu-a", "gpu-b"]),
      up: (provider) => provider !== "cloud",
    },
    steps: [{ kind: "retry", delayMs: 250 }],
    code: "upstream_failed",
  },
  {
    when: "5xx at the third try: fails",
    given: { ...wide, target: 2, tries: 3, tried: new Set(["gpu-a", "gpu-b", "cloud"]) },
    steps: [],
    code: "upstream_failed",
  },
  {
    when: "5xx on a route that does not overflow on failure: serve targets only",
    given: { ...wide, overflowOnFailure: false },
    steps: [toB, hereAgain],
    code: "upstream_failed",
  },
  {
    when: "5xx for a residency=local job: never to the cloud",
    given: { ...wide, residency: "local" },
    steps: [toB, hereAgain],
    code: "upstream_failed",
  },
  {
    when: "5xx while the other serve target is down: overflow",
    given: { ...wide, up: (provider) => provider === "cloud" },
    steps: [toCloud, hereAgain],
    code: "upstream_failed",
  },
  {
    when: "the 400 family: fails at once",
    given: { ...wide, reason: "bad_request" },
    steps: [],
    code: "upstream_rejected",
  },
  {
    when: "no /v1/responses there: the same target at once, whatever the limits say",
    given: { ...wide, reason: "no_endpoint", tries: 9 },
    steps: [{ kind: "retry", delayMs: 0, excused: true }],
    code: "upstream_failed",
    uncounted: true,
  },
  {
    when: "chat completions cannot express the request there: others, then an honest refusal",
    given: { ...wide, reason: "unsupported", tries: 0 },
    steps: [toB, toCloud],
    code: "upstream_rejected",
  },
  {
    when: "context overflow: only targets with more context",
    given: { ...wide, reason: "context_overflow" },
    steps: [toCloud],
    code: "context_length_exceeded",
  },
  {
    when: "context overflow where no target has more: fails",
    given: { plan: [gpuA, gpuB], reason: "context_overflow" },
    steps: [],
    code: "context_length_exceeded",
  },
  {
    when: "context overflow at a target of unknown length: those that surely hold the prompt",
    given: {
      plan: [target("gpu-a", "serve", "local"), gpuB, cloud],
      reason: "context_overflow",
      promptTokensBound: 9000,
    },
    steps: [toCloud],
    code: "context_length_exceeded",
  },
  {
    when: "past the deadline: fails as such",
    given: { ...wide, remainingMs: 0 },
    steps: [],
    code: "deadline_exceeded",
  },
  {
    when: "context overflow at a local target of known length: a cloud of unknown length may have more",
    given: { plan: [gpuA, gpuB, unknownCloud], reason: "context_overflow" },
    steps: [{ ...toCloud }],
    code: "context_length_exceeded",
  },
  {
    when: "context overflow where nothing is known: the cloud, not its like",
    given: {
      plan: [target("gpu-a", "serve", "local"), target("gpu-b", "serve", "local"), unknownCloud],
      reason: "context_overflow",
    },
    steps: [{ ...toCloud }],
    code: "context_length_exceeded",
  },
  {
    when: "context overflow by the broker's own cap: here with a smaller one first, for nothing",
    given: { ...wide, reason: "context_overflow", outputCap: 100, tries: 0 },
    steps: [{ kind: "retry", delayMs: 0, outputCap: 100 }, toB, toCloud],
    code: "context_length_exceeded",
    uncounted: true,
  },
  ...(["rate_limited", "server_error", "cut"] as const).flatMap((reason): Row[] => [
    {
      when: `${reason} for the provider's own state: other targets, else here after its rest`,
      given: { ...wide, reason, restMs: 4000, tries: 0 },
      steps: [toB, toCloud, { kind: "retry", delayMs: 4125 }],
      code: reason === "rate_limited" ? "rate_limit_exceeded" : "upstream_failed",
      uncounted: true,
    },
    {
      when: `${reason} for the provider's own state, for the ninth time: others have their turn first`,
      given: { reason, restMs: 4000, tries: 2, attempts: 9 },
      steps: [{ kind: "retry", delayMs: 9000 }],
      code: reason === "rate_limited" ? "rate_limit_exceeded" : "upstream_failed",
      uncounted: true,
    },
  ]),
  {
    when: "a rest of the broker's own making that is longer than what is left: half of that",
    given: { reason: "rate_limited", restMs: 15_000, tries: 0, remainingMs: 10_000 },
    steps: [{ kind: "retry", delayMs: 5000 }],
    code: "rate_limit_exceeded",
    uncounted: true,
  },
  {
    when: "a provider that rests, on a route that rather refuses than waits",
    given: { reason: "rate_limited", restMs: 1000, tries: 0, waitsForCapacity: false },
    steps: [],
    code: "rate_limit_exceeded",
    uncounted: true,
  },
  ...failureReasons.map((reason): Row => ({
    when: `${reason} after bytes were forwarded (in-band stream error, cut stream): fails honestly`,
    given: { ...wide, reason, forwarded: true },
    steps: [],
    code: "upstream_failed",
  })),
];

describe("decideNext", () => {
  it.each(rows)("$when", ({ given, steps, code, uncounted = false }) => {
    const next = decideNext(failedAttempt(given));
    expect(next.steps).toEqual(steps);
    expect(next.fail.code).toBe(code);
    expect(next.uncounted).toBe(uncounted);
  });
});
