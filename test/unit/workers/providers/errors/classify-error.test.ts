import { describe, expect, it } from "vitest";
import type { FailureReason } from "../../../../../shared/contracts/failure-reason.ts";
import { classifyError } from "../../../../../workers/providers/errors/classify-error.ts";
import { readUpstreamError } from "../../../../../workers/providers/errors/upstream-error.ts";

type Row = readonly [number | undefined, unknown, FailureReason];

const inBand = undefined;

const rows: readonly Row[] = [
  [301, "", "not_found"],
  [400, { error: { message: "temperature must be below 2", code: 400 } }, "bad_request"],
  [400, { error: { message: "x", code: "context_length_exceeded" } }, "context_overflow"],
  [
    400,
    {
      object: "error",
      message: "This model's maximum context length is 4096 tokens. However, you requested 5000",
      code: 400,
    },
    "context_overflow",
  ],
  [
    400,
    {
      error: {
        code: 400,
        type: "exceed_context_size_error",
        message: "the request exceeds the available context size",
      },
    },
    "context_overflow",
  ],
  [400, { error: { message: "max_tokens is too large: this model supports 4096" } }, "bad_request"],
  [400, { error: { message: "flagged", code: "content_filter" } }, "bad_request"],
  [401, { error: { message: "Incorrect API key", code: "invalid_api_key" } }, "auth"],
  [402, {}, "quota_exhausted"],
  [403, {}, "not_found"],
  [404, { error: { message: "The model `x` does not exist" } }, "not_found"],
  [405, {}, "not_found"],
  [408, {}, "request_timeout"],
  [409, {}, "conflict"],
  [413, {}, "unsupported"],
  [413, { detail: "prompt does not fit the context window" }, "context_overflow"],
  [422, { detail: [{ loc: ["body", "n"], msg: "must be positive" }] }, "bad_request"],
  [
    429,
    { error: { message: "slow", type: "requests", code: "rate_limit_exceeded" } },
    "rate_limited",
  ],
  [429, { error: { message: "pay", type: "insufficient_quota" } }, "quota_exhausted"],
  [429, { error: { message: "pay", code: "credit_balance_exhausted" } }, "quota_exhausted"],
  [
    429,
    { error: { message: "pay", code: "organization_spend_limit_exceeded" } },
    "quota_exhausted",
  ],
  [429, { error: { message: "pay", code: "project_spend_limit_exceeded" } }, "quota_exhausted"],
  [
    429,
    { error: { message: "pay", code: "organization_usage_limit_exceeded" } },
    "quota_exhausted",
  ],
  [
    429,
    {
      error: {
        type: "rate_limit_error",
        details: { error_code: "enforced_spend_limit_reached" },
        message: "limit",
      },
    },
    "quota_exhausted",
  ],
  [500, { error: { message: "the context window was lost" } }, "server_error"],
  [502, "<html></html>", "server_error"],
  [503, { error: { message: "Loading model", type: "unavailable_error" } }, "rate_limited"],
  [
    503,
    { error: "server busy, please try again. maximum pending requests exceeded" },
    "rate_limited",
  ],
  [503, "The queue is full", "rate_limited"],
  [503, { error: { message: "x", code: "server_is_overloaded" } }, "rate_limited"],
  [503, "no healthy upstream", "server_error"],
  [504, "", "server_error"],
  [529, { error: { type: "overloaded_error", message: "Overloaded" } }, "server_error"],
  [inBand, { error: { message: "boom" } }, "server_error"],
  [inBand, { error: "boom" }, "server_error"],
  [inBand, { error: { message: "x", code: 401 } }, "auth"],
  [inBand, { error: { message: "x", code: "429" } }, "rate_limited"],
  [inBand, { error: { message: "x", code: "rate_limit_exceeded" } }, "rate_limited"],
  [inBand, { error: { message: "x", type: "invalid_request_error" } }, "bad_request"],
  [inBand, { error: { message: "x", type: "NotFoundError" } }, "not_found"],
  [inBand, { error: { message: "x", type: "constructor" } }, "server_error"],
  [inBand, { error: { message: "exceeds the context size" } }, "context_overflow"],
  [inBand, { error: { message: "x", type: "insufficient_quota" } }, "quota_exhausted"],
];

describe("classifyError", () => {
  it.each(rows)("%s with %j is %s", (status, body, reason) => {
    const upstreamError = readUpstreamError(body);
    expect(classifyError({ status, upstreamError, retryAfterMs: undefined }).reason).toBe(reason);
  });

  it("carries retry-after along with server errors", () => {
    expect(
      classifyError({ status: 503, upstreamError: undefined, retryAfterMs: 3000 }),
    ).toMatchObject({
      reason: "server_error",
      retryAfterMs: 3000,
    });
  });
});

describe("readComplaint", () => {
  it.each([
    [
      { error: { message: "m", code: "c", param: "p", type: "t" } },
      { message: "m", code: "c", param: "p", type: "t" },
    ],
    [{ error: { message: "m", code: 404, param: null } }, { message: "m", status: 404 }],
    [[{ error: { message: "m", code: 400 } }], { message: "m", status: 400 }],
    [
      { object: "error", message: "m", code: 400, type: "t" },
      { message: "m", status: 400, type: "t" },
    ],
    [{ message: "m" }, { message: "m" }],
    [{ detail: "m" }, { message: "m" }],
    [
      {
        detail: [
          { loc: ["body", "messages", 0], msg: "a" },
          { loc: ["body"], msg: "b" },
        ],
      },
      { message: "a; b", param: "messages.0" },
    ],
    ["plain", { message: "plain" }],
    ["<!doctype html>", undefined],
    [{ choices: [] }, undefined],
    [null, undefined],
    [7, undefined],
  ])("reads %j", (body, upstreamError) => {
    expect(readUpstreamError(body)).toEqual(upstreamError);
  });

  it("cuts long messages and takes out control characters and lone surrogates", () => {
    const message =
      readUpstreamError({ error: `\u0007a\r\nb\ud800${"x".repeat(5000)}` })?.message ?? "";
    expect(message.startsWith("a b\ufffdxxx")).toBe(true);
    expect(message.length).toBeLessThanOrEqual(2000);
  });
});
