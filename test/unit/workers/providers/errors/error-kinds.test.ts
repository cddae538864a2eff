import { describe, expect, test } from "vitest";
import type { FailureReason } from "../../../../../shared/contracts/failure-reason.ts";
import { classifyError } from "../../../../../workers/providers/errors/classify-error.ts";
import { readUpstreamError } from "../../../../../workers/providers/errors/upstream-error.ts";

type Row = readonly [number, unknown, FailureReason];

const page = "<html><h1>nginx</h1></html>";
const error = (message: string, more: object = {}) => ({ error: { message, ...more } });

const kinds: Readonly<Record<string, readonly Row[]>> = {
  "of the account": [
    [401, { error: "Unauthorized" }, "auth"],
    [401, error("Incorrect API key provided: sk-x", { code: "invalid_api_key" }), "auth"],
    [403, error("Your API key does not have permission to use the resource"), "auth"],
    [403, error("Country, region, or territory not supported"), "auth"],
    [400, [error("API key not valid. Please pass a valid API key.", { code: 400 })], "auth"],
    [402, error("Insufficient Balance"), "quota_exhausted"],
    [400, error("Your credit balance is too low to access the API."), "quota_exhausted"],
    [429, error("You exceeded your current quota, please check your plan"), "quota_exhausted"],
    [
      403,
      { code: 30001, message: "Sorry, your account balance is insufficient" },
      "quota_exhausted",
    ],
    [403, error("用户额度不足", { code: "insufficient_user_quota" }), "quota_exhausted"],
    [429, { error: { code: "1113", message: "余额不足或无可用资源包" } }, "quota_exhausted"],
    [400, error("Budget has been exceeded! Current cost: 5.0", { code: "400" }), "quota_exhausted"],
    [429, error("ExceededBudget: Crossed spend", { type: "budget_exceeded" }), "quota_exhausted"],
    [400, error("You have reached your specified API usage limits."), "quota_exhausted"],
    [403, error("Key limit exceeded (total limit)."), "quota_exhausted"],
    [400, error("Organization has been restricted.", { code: "organization_restricted" }), "auth"],
    [400, error("User location is not supported for the API use.", { code: 400 }), "auth"],
    [403, { message: "The security token included in the request is expired" }, "auth"],
    [403, error("Access denied due to Virtual Network/Firewall rules.", { code: "403" }), "auth"],
    [403, { title: "Forbidden", detail: "Authorization failed" }, "auth"],
    [401, error("Invalid proxy server token passed", { type: "token_not_found_in_db" }), "auth"],
  ],
  "of one request": [
    [403, error("flagged by moderation: violence", { code: 403 }), "bad_request"],
    [403, error("Your input violates our content policy about api keys"), "bad_request"],
    [402, error("credits suffice for 1200 of the 4096 max_tokens asked for"), "unsupported"],
    [402, error("You requested up to 4096 tokens, but can only afford 12"), "unsupported"],
    [404, error("No endpoints found that support tool use.", { code: 404 }), "unsupported"],
    [404, error("No endpoints found that can handle the requested parameters."), "unsupported"],
    [498, error("Flex tier capacity exceeded", { code: "capacity_exceeded" }), "server_error"],
    [429, error("Request too large for gpt-x on tokens per min (TPM)"), "unsupported"],
    [413, error("Request too large for model x, Limit 6000, Requested 7000"), "unsupported"],
    [400, error("the field says: invalid api key"), "bad_request"],
    [500, error("invalid JSON schema in format", { type: "api_error" }), "bad_request"],
    [500, error("[json.exception.parse_error.101] parse error at line 1"), "bad_request"],
    [500, error("bad", { type: "invalid_request_error" }), "bad_request"],
    [500, error("wrapped", { code: 400 }), "bad_request"],
    [401, error("Content Exists Risk"), "bad_request"],
    [
      403,
      { error: "Content violates usage guidelines. Failed check: SAFETY_CHECK_X" },
      "bad_request",
    ],
    [403, { error: { code: "1301", message: "内容可能包含不安全或敏感内容" } }, "bad_request"],
    [402, error("Prompt blocked by content filter"), "bad_request"],
    [429, error("Blocked", { code: "content_policy_violation" }), "bad_request"],
    [400, error("inappropriate", { code: "data_inspection_failed" }), "bad_request"],
    [402, error("Prompt tokens limit exceeded: 3500 > 1200."), "unsupported"],
    [400, error("Input should be greater than or equal to 128"), "bad_request"],
    [400, error("The number of images in messages exceeds the limit of 10"), "bad_request"],
    [400, error("the field says: server busy, model is loading"), "bad_request"],
    [
      400,
      error("Invalid 'user': string too long", { code: "string_above_max_length", param: "user" }),
      "bad_request",
    ],
  ],
  "of the target": [
    [403, error("Project p does not have access to model gpt-x"), "not_found"],
    [403, "", "not_found"],
    [405, page, "not_found"],
    [400, error("model 'nope' not found", { type: "invalid_request_error" }), "not_found"],
    [501, error("This server does not support embeddings."), "not_found"],
    [500, error("image input is not supported - hint: mmproj"), "unsupported"],
    [400, error("registry.ollama.ai/library/tiny does not support tools"), "unsupported"],
    [400, error("Field 'n': Value must be between 1 <= value <= 4, but got 5"), "unsupported"],
    [400, error("The model `x` has been decommissioned and is no longer supported."), "not_found"],
    [400, error("x is not a valid model ID", { code: 400 }), "not_found"],
    [400, error("No models loaded. Please load a model in the developer page"), "not_found"],
    [400, error("Publisher Model `x` was not found or your project lacks access"), "not_found"],
    [500, error("could not load model - all backends returned error"), "not_found"],
    [500, error("model requires more system memory (8 GiB) than is available"), "not_found"],
    [403, { code: 30003, message: "Model disabled." }, "not_found"],
    [302, "", "not_found"],
    [500, error("this model is missing data required for image input"), "unsupported"],
    [413, page, "unsupported"],
    [400, page, "unsupported"],
    [418, "a teapot", "unsupported"],
    [421, page, "server_error"],
    [424, page, "server_error"],
    [425, page, "server_error"],
    [499, page, "server_error"],
  ],
  "of the length": [
    [500, error("input (3602 tokens) is too large to process"), "context_overflow"],
    [400, error("max_tokens=4096 cannot be greater than max_model_len=256"), "context_overflow"],
    [
      400,
      error("4096 output tokens do not fit: context 8192, input 6000", { param: "max_tokens" }),
      "context_overflow",
    ],
    [400, error("The input (6017 tokens) is longer than the model's context"), "context_overflow"],
    [400, error("Input is too long for requested model."), "context_overflow"],
    ...[
      "Prompt length (9000) should not exceed max_seq_len (8192)",
      "The input tokens exceeds the model's session length",
      "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
      "expected maxLength: 200000, actual: 300000, please reformat your input",
      "size limit exceeded: too many total text bytes",
      "Prompt 超长",
      "Range of input length should be [1, 30720]",
      "Your request exceeded model token limit: 131072",
      "the length of messages must be less than 20000",
      "prompt token count 40000 exceeds max input token 28000",
      "the number of input tokens 9000 cannot exceed the total tokens limit 8192",
      "Prompt exceeds max context",
      "Prompt length 9000 is greater than max_seq_len 4096",
      "Request prompt has 9000 tokens in total, larger than the model input length limit 4096.",
      "Requested 310000 tokens, max 300000 tokens per request",
      "Please lower the number of tokens in the batch.",
      "Input text exceeds maximum length of 8192 tokens",
    ].flatMap((words): Row[] => [
      [400, error(words), "context_overflow"],
      [422, { detail: words }, "context_overflow"],
    ]),
    [413, error("Max size: 8000 tokens.", { code: "tokens_limit_reached" }), "context_overflow"],
    [500, error("Requested tokens (600) exceed context window of 512"), "context_overflow"],
    [500, error("Prompt length 9000 exceeds cache_size 4096"), "context_overflow"],
  ],
  "of the moment": [
    [503, error("Loading model"), "rate_limited"],
    [503, error("The engine is currently busy and cannot accept new requests."), "rate_limited"],
    [500, error("cannot schedule new futures after shutdown"), "rate_limited"],
    [429, error("Rate limit reached, try again in 6s"), "rate_limited"],
    [400, error("Model is loading. Please try again."), "rate_limited"],
    [400, error("Model unloaded."), "rate_limited"],
    [500, error("llm server loading model"), "rate_limited"],
    [500, { object: "error", message: "The request queue is full.", code: 500 }, "rate_limited"],
    [500, error("dial tcp 10.0.0.1:8000: connect: connection refused"), "rate_limited"],
    [400, { error: "The model has crashed without additional information." }, "server_error"],
    [407, page, "server_error"],
    [502, page, "server_error"],
    [500, error("boom"), "server_error"],
  ],
};

describe.each(Object.entries(kinds))("a refusal that speaks %s", (_kind, rows) => {
  test.each(rows)("%s %j is %s", (status, body, reason) => {
    const upstreamError = readUpstreamError(body);
    const isJson = typeof body !== "string";
    const end = classifyError({ status, upstreamError, retryAfterMs: undefined, isJson });
    expect(end.reason).toBe(reason);
  });
});

test("a limit by the minute that says when to come back is no empty account", () => {
  const upstreamError = readUpstreamError(
    error("You exceeded your current quota, please check your plan"),
  );
  expect(classifyError({ status: 429, upstreamError, retryAfterMs: 9_000 }).reason).toBe(
    "rate_limited",
  );
});
