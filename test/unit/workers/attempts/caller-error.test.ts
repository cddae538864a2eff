import { describe, expect, it } from "vitest";
import { failureReasons, type FailureReason } from "../../../../shared/contracts/failure-reason.ts";
import { decideNext } from "../../../../workers/attempts/decide-next.ts";
import { failedAttempt } from "./failed-attempt.ts";

describe("what the caller of a failed job hears", () => {
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

  it("says that another try would not help where only the operator can mend it", () => {
    for (const reason of ["auth", "not_found", "quota_exhausted"] as const)
      expect(decideNext(failedAttempt({ reason })).fail.retryable).toBe(false);
    expect(decideNext(failedAttempt({ reason: "server_error" })).fail.retryable).toBeUndefined();
  });

  it("tells a caller who may not wait when the provider's rest is over", () => {
    const given = { reason: "rate_limited", restMs: 4000, waitsForCapacity: false } as const;
    expect(decideNext(failedAttempt(given)).fail.retryAfterMs).toBe(4000);
  });

  it("tells a body that is too large as such", () => {
    const { fail } = decideNext(failedAttempt({ reason: "unsupported", status: 413 }));
    expect(fail.code).toBe("payload_too_large");
  });

  it("tells the caller of an exhausted rate limit when to come back", () => {
    const { fail } = decideNext(
      failedAttempt({ reason: "rate_limited", retryAfterMs: 7000, tries: 3 }),
    );
    expect(fail.retryAfterMs).toBe(7000);
  });
});

const words: Readonly<Record<FailureReason, readonly [code: string, message: string]>> = {
  connect: ["no_capacity", "No provider of this model can be reached."],
  auth: [
    "upstream_failed",
    "A provider is misconfigured at the broker; sending the request again will not help.",
  ],
  not_found: [
    "upstream_failed",
    "A provider is misconfigured at the broker; sending the request again will not help.",
  ],
  no_endpoint: [
    "upstream_failed",
    "A provider is misconfigured at the broker; sending the request again will not help.",
  ],
  unsupported: ["upstream_rejected", "The provider rejected this request."],
  request_timeout: ["upstream_failed", "The provider gave up waiting for the request."],
  conflict: ["upstream_failed", "The provider reported a conflict."],
  rate_limited: [
    "rate_limit_exceeded",
    "The providers of this model take no more requests for the moment.",
  ],
  quota_exhausted: ["no_capacity", "The broker's quota at the providers of this model is used up."],
  server_error: ["upstream_failed", "The provider failed."],
  bad_request: ["upstream_rejected", "The provider rejected this request."],
  context_overflow: [
    "context_length_exceeded",
    "The request does not fit into the model's context.",
  ],
  cut: ["upstream_failed", "The provider broke off its answer."],
  malformed: ["upstream_failed", "The provider's answer could not be read."],
  first_byte_timeout: ["upstream_failed", "The provider did not begin to answer in time."],
  idle_timeout: ["upstream_failed", "The provider stopped in the middle of its answer."],
  engine_queue: [
    "rate_limit_exceeded",
    "The providers of this model take no more requests for the moment.",
  ],
};

describe("the broker's own words", () => {
  it.each(failureReasons)("for %s stay as they are", (reason) => {
    const { code, message } = decideNext(failedAttempt({ reason })).fail;
    expect([code, message]).toEqual(words[reason]);
  });

  it("come with the pause that the provider asks for, unless a pause does not help", () => {
    const pausing = failureReasons.filter(
      (reason) => decideNext(failedAttempt({ reason, retryAfterMs: 7000 })).fail.retryAfterMs,
    );
    expect(pausing).toEqual([
      "connect",
      "request_timeout",
      "conflict",
      "rate_limited",
      "server_error",
      "cut",
      "malformed",
      "first_byte_timeout",
      "idle_timeout",
      "engine_queue",
    ]);
  });

  it("tell of a body that is too large, an answer that was broken off and a passed deadline", () => {
    const ends = [
      { reason: "unsupported", status: 413 },
      { reason: "cut", forwarded: true },
      { reason: "cut", remainingMs: 0 },
    ] as const;
    expect(ends.map((end) => decideNext(failedAttempt(end)).fail)).toEqual([
      {
        code: "payload_too_large",
        message: "The request is larger than the providers of this model take.",
      },
      {
        code: "upstream_failed",
        message: "The provider failed after a part of the answer had been sent.",
      },
      {
        code: "deadline_exceeded",
        message: "The deadline passed before a provider answered.",
      },
    ]);
  });
});
