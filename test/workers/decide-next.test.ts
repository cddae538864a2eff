import { describe, expect, it } from "vitest";
import { failureReasons } from "../../shared/contracts/outcome.ts";
import type { Plan } from "../../shared/contracts/plan.ts";
import { errorCatalogue } from "../../shared/errors/catalogue.ts";
import { decideNext, type FailedAttempt, type Step } from "../../workers/decide-next.ts";
import { failedAttempt, target } from "./failed-attempt.ts";

const gpuA = target("gpu-a", "serve", "local", 8192);
const gpuB = target("gpu-b", "serve", "local", 8192);
const cloud = target("cloud", "overflow", "cloud", 128_000);
const twoAndCloud: Plan = [gpuA, gpuB, cloud];

const toB: Step = { kind: "move", target: 1, delayMs: 25 };
const toCloud: Step = { kind: "move", target: 2, delayMs: 25 };
const hereAgain: Step = { kind: "retry", delayMs: 125 };

interface Row {
  readonly when: string;
  readonly given: Partial<FailedAttempt>;
  readonly steps: readonly Step[];
  readonly code: keyof typeof errorCatalogue;
  readonly trouble?: string;
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
    trouble: "unreachable",
  },
  {
    when: "connect error with no other target up: wait in this provider's queue",
    given: { ...wide, reason: "connect", tries: 0, up: () => false },
    steps: [{ kind: "retry", delayMs: 125 }],
    code: "no_capacity",
    trouble: "unreachable",
  },
  {
    when: "connect error with nothing up, on a route that rather refuses than waits",
    given: { ...wide, reason: "connect", tries: 0, up: () => false, waitsForCapacity: false },
    steps: [],
    code: "no_capacity",
    trouble: "unreachable",
  },
  {
    when: "401/403: another target, never the same",
    given: { ...wide, reason: "auth" },
    steps: [toB, toCloud],
    code: "upstream_failed",
    trouble: "credential",
  },
  {
    when: "401/403 with a single target: fails",
    given: { reason: "auth" },
    steps: [],
    code: "upstream_failed",
    trouble: "credential",
  },
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
    trouble: "quota",
  },
  {
    when: "429 with retry-after: another target, then here no sooner than asked",
    given: { ...wide, reason: "rate_limited", retryAfterMs: 7000 },
    steps: [toB, toCloud, { kind: "retry", delayMs: 7000 }],
    code: "rate_limit_exceeded",
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
  ...failureReasons
    .filter((reason) => reason !== "connect" && reason !== "auth" && reason !== "quota_exhausted")
    .map((reason): Row => ({
      when: `${reason} after bytes were forwarded (in-band stream error, cut stream): fails honestly`,
      given: { ...wide, reason, forwarded: true },
      steps: [],
      code: "upstream_failed",
    })),
];

describe("decideNext", () => {
  it.each(rows)("$when", ({ given, steps, code, trouble }) => {
    const next = decideNext(failedAttempt(given));
    expect(next.steps).toEqual(steps);
    expect(next.fail.code).toBe(code);
    expect(next.trouble).toBe(trouble);
  });

  it("passes a rejection's message, param and code on", () => {
    const error = {
      message: "temperature must be below 2",
      code: "bad_value",
      param: "temperature",
    };
    expect(decideNext(failedAttempt({ reason: "bad_request", error })).fail).toEqual({
      code: "upstream_rejected",
      message: "temperature must be below 2",
      param: "temperature",
      wireCode: "bad_value",
    });
  });

  it("keeps the upstream's words to itself when the broker's credential was refused", () => {
    const error = { message: "Incorrect API key provided: sk-secret" };
    const { fail } = decideNext(failedAttempt({ reason: "auth", error }));
    expect(JSON.stringify(fail)).not.toContain("sk-secret");
  });

  it("tells the caller of an exhausted rate limit when to come back", () => {
    const { fail } = decideNext(
      failedAttempt({ reason: "rate_limited", retryAfterMs: 7000, tries: 3 }),
    );
    expect(fail.retryAfterMs).toBe(7000);
  });
});
