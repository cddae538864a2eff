import { describe, expect, test } from "vitest";
import type { FailureReason } from "../../../shared/contracts/outcome.ts";
import { classifyError } from "../../../workers/openai/classify-error.ts";
import { readComplaint } from "../../../workers/openai/complaint.ts";

type Row = readonly [number, unknown, FailureReason];

const page = "<html><h1>nginx</h1></html>";
const told = (message: string, more: object = {}) => ({ error: { message, ...more } });

const kinds: Readonly<Record<string, readonly Row[]>> = {
  "of the account": [
    [401, { error: "Unauthorized" }, "auth"],
    [401, told("Incorrect API key provided: sk-x", { code: "invalid_api_key" }), "auth"],
    [403, told("Your API key does not have permission to use the resource"), "auth"],
    [403, told("Country, region, or territory not supported"), "auth"],
    [400, [told("API key not valid. Please pass a valid API key.", { code: 400 })], "auth"],
    [402, told("Insufficient Balance"), "quota_exhausted"],
    [400, told("Your credit balance is too low to access the API."), "quota_exhausted"],
    [429, told("You exceeded your current quota, please check your plan"), "quota_exhausted"],
  ],
  "of one request": [
    [403, told("flagged by moderation: violence", { code: 403 }), "bad_request"],
    [403, told("Your input violates our content policy about api keys"), "bad_request"],
    [402, told("credits suffice for 1200 of the 4096 max_tokens asked for"), "unsupported"],
    [402, told("You requested up to 4096 tokens, but can only afford 12"), "unsupported"],
    [429, told("Request too large for gpt-x on tokens per min (TPM)"), "unsupported"],
    [413, told("Request too large for model x, Limit 6000, Requested 7000"), "unsupported"],
    [400, told("the field says: invalid api key"), "bad_request"],
    [500, told("invalid JSON schema in format", { type: "api_error" }), "bad_request"],
    [500, told("[json.exception.parse_error.101] parse error at line 1"), "bad_request"],
    [500, told("bad", { type: "invalid_request_error" }), "bad_request"],
    [500, told("wrapped", { code: 400 }), "bad_request"],
  ],
  "of the target": [
    [403, told("Project p does not have access to model gpt-x"), "not_found"],
    [403, "", "not_found"],
    [405, page, "not_found"],
    [400, told("model 'nope' not found", { type: "invalid_request_error" }), "not_found"],
    [501, told("This server does not support embeddings."), "not_found"],
    [500, told("image input is not supported - hint: mmproj"), "unsupported"],
    [400, told("registry.ollama.ai/library/tiny does not support tools"), "unsupported"],
    [400, told("Field 'n': Value must be between 1 <= value <= 4, but got 5"), "unsupported"],
    [413, page, "unsupported"],
    [400, page, "unsupported"],
    [418, "a teapot", "unsupported"],
    [421, page, "server_error"],
    [424, page, "server_error"],
    [425, page, "server_error"],
    [499, page, "server_error"],
  ],
  "of the length": [
    [500, told("input (3602 tokens) is too large to process"), "context_overflow"],
    [400, told("max_tokens=4096 cannot be greater than max_model_len=256"), "context_overflow"],
    [
      400,
      told("4096 output tokens do not fit: context 8192, input 6000", { param: "max_tokens" }),
      "context_overflow",
    ],
    [400, told("The input (6017 tokens) is longer than the model's context"), "context_overflow"],
    [400, told("Input is too long for requested model."), "context_overflow"],
  ],
  "of the moment": [
    [503, told("Loading model"), "rate_limited"],
    [503, told("The engine is currently busy and cannot accept new requests."), "rate_limited"],
    [500, told("cannot schedule new futures after shutdown"), "rate_limited"],
    [429, told("Rate limit reached, try again in 6s"), "rate_limited"],
    [502, page, "server_error"],
    [500, told("boom"), "server_error"],
  ],
};

describe.each(Object.entries(kinds))("a refusal that speaks %s", (_kind, rows) => {
  test.each(rows)("%s %j is %s", (status, body, reason) => {
    const complaint = readComplaint(body);
    const isJson = typeof body !== "string";
    const end = classifyError({ status, complaint, retryAfterMs: undefined, isJson });
    expect(end.reason).toBe(reason);
  });
});

test("a limit by the minute that says when to come back is no empty account", () => {
  const complaint = readComplaint(told("You exceeded your current quota, please check your plan"));
  expect(classifyError({ status: 429, complaint, retryAfterMs: 9_000 }).reason).toBe(
    "rate_limited",
  );
});
