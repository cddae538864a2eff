import { expect, test } from "vitest";
import { smallerCap } from "../../../../workers/engines/smaller-cap.ts";

function refused(message: string, param?: string) {
  return {
    kind: "failed",
    reason: "bad_request",
    status: 400,
    error: { message, ...(param === undefined ? {} : { param }) },
    detail: "answered HTTP 400",
    sent: true,
    gotHeaders: true,
    outputBytes: 0,
    usage: undefined,
    ttftMs: null,
  } as const;
}

const refusals: readonly [string, number, number | undefined, string][] = [
  [
    "Mistral",
    4_096,
    2_192,
    "Prompt contains 6000 tokens and 0 draft tokens, too large for model with 8192 maximum context length when max_tokens is 4096",
  ],
  [
    "Bedrock",
    4_096,
    2_048,
    "The maximum tokens you requested exceeds the model limit of 2048. Try again with a maximum tokens value that is lower than 2048.",
  ],
  [
    "Vertex",
    4_096,
    2_048,
    "it has a maxOutputTokens value of 4096 but the supported range is from 1 (inclusive) to 2049 (exclusive).",
  ],
  [
    "Cerebras",
    4_096,
    2_192,
    "Please reduce the length of the messages or completion. Current length is 10096 while limit is 8192",
  ],
  [
    "TabbyAPI",
    4_096,
    2_192,
    "Prompt length 6000 + max_tokens 4096 is greater than max_seq_len 8192",
  ],
  ["another parameter's name", 4_096, 1_024, "'max_tokens' is too large"],
  [
    "vLLM 0.32, a cap above the whole context",
    4_096,
    256,
    "max_tokens=4096 cannot be greater than max_model_len=256. Please request fewer output tokens. (parameter=max_tokens, value=4096)",
  ],
  [
    "vLLM before 0.9",
    4_096,
    2_192,
    "This model's maximum context length is 8192 tokens. However, you requested 10096 tokens (6000 in the messages, 4096 in the completion). Please reduce the length of the messages or completion.",
  ],
  [
    "vLLM 0.9 and later",
    4_096,
    2_192,
    "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 8192 tokens and your request has 6000 input tokens (4096 > 8192 - 6000).",
  ],
  [
    "SGLang",
    4_096,
    2_192,
    "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 10096 tokens: 6000 tokens from the input messages and 4096 tokens for the completion.",
  ],
  [
    "an engine in few words",
    4_096,
    2_192,
    "4096 output tokens do not fit: context 8192, input 6000",
  ],
  [
    "TGI",
    4_096,
    3_096,
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 1000 `inputs` tokens and 4096 `max_new_tokens`",
  ],
  [
    "OpenAI",
    4_096,
    2_048,
    "max_tokens is too large: 4096. This model supports at most 2048 completion tokens, whereas you provided 4096.",
  ],
  [
    "Anthropic",
    21_333,
    11_760,
    "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again",
  ],
  [
    "Groq",
    16_384,
    8_192,
    "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the `context_window` for this model",
  ],
  [
    "numbers with commas",
    4_096,
    2_192,
    "max_tokens 4,096 does not fit: context 8,192, prompt 6,000",
  ],
  [
    "OpenRouter, of credit",
    4_096,
    1_200,
    "This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 1200.",
  ],
  ["no number at all", 4_096, 1_024, "max_tokens is too large for this model"],
  // A smaller cap would not help these.
  [
    "a prompt beyond vLLM's context",
    4_096,
    undefined,
    "This model's maximum context length is 256 tokens. However, your prompt contains at least 257 input tokens.",
  ],
  [
    "a prompt beyond llama.cpp's context",
    4_096,
    undefined,
    "request (6017 tokens) exceeds the available context size (512 tokens), try increasing it",
  ],
  ["something else", 4_096, undefined, "temperature must be at most 2"],
  [
    "a prompt and our cap, the prompt alone too long",
    4_096,
    undefined,
    "This model's maximum context length is 2048 tokens. However, you requested 10096 tokens (6000 in the messages, 4096 in the completion).",
  ],
];

test.each(refusals)("%s: of %i asked for it takes %s", (_engine, sent, cap, message) => {
  expect(smallerCap(refused(message), sent)).toBe(cap);
});

test("a refusal whose param is the cap counts without words", () => {
  expect(smallerCap(refused("Invalid value", "max_tokens"), 4_096)).toBe(1_024);
  expect(smallerCap(refused("Invalid value", "temperature"), 4_096)).toBeUndefined();
});

test("other failures are never about the cap, and one token cannot be less", () => {
  const { error, ...rest } = refused("max_tokens is too large");
  expect(smallerCap({ ...rest, error, reason: "server_error" }, 4_096)).toBeUndefined();
  expect(smallerCap({ ...rest, error }, 1)).toBeUndefined();
});

test("a 402 of one request says what can be afforded", () => {
  const message =
    "This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 1200.";
  const outcome = { ...refused(message), reason: "unsupported", status: 402 } as const;
  expect(smallerCap(outcome, 4_096)).toBe(1_200);
  expect(smallerCap({ ...outcome, status: 400 }, 4_096)).toBeUndefined();
});
