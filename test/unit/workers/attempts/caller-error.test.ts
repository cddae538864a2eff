import { describe, expect, it } from "vitest";
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
