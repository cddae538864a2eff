/** Each row has an error's body, and the message and the `param` that its caller must get (K13). */
export const upstreamWords: readonly (readonly [string, unknown, string, string | null])[] = [
  [
    "A26 a detail inside a message",
    {
      object: "error",
      message: {
        detail: [
          {
            type: "extra_forbidden",
            loc: ["body", "foo"],
            msg: "Extra inputs are not permitted",
          },
        ],
      },
      type: "invalid_request_error",
      param: null,
      code: null,
    },
    "Extra inputs are not permitted",
    "foo",
  ],
  ["A43 a list of errors", { errors: [{ message: "the words" }] }, "the words", null],
  ["A43 msg", { msg: "the words", code: 1210 }, "the words", null],
  ["A43 an error in a detail", { detail: { error: { message: "the words" } } }, "the words", null],
  ["A43 a list", { error: ["the words"] }, "the words", null],
  ["an error in an error", { error: { error: { message: "the words" } } }, "the words", null],
  ["a description", { error: "bad", error_description: "the words" }, "the words", null],
  ["a list of texts as message", { error: { message: ["the", "words"] } }, "the", null],
  ["of no known shape", { reason: { why: "the words" } }, "the words", null],
  ["a body's place", { error: { message: "the words", param: "body.seed" } }, "the words", "seed"],
  ["MiniMax", { base_resp: { status_code: 2013, status_msg: "the words" } }, "the words", null],
  ["in data", { data: { error: "the words" } }, "the words", null],
  ["in a language", { error: { message: { lang: "en", value: "the words" } } }, "the words", null],
  [
    "zod",
    { success: false, error: { issues: [{ path: ["a"], message: "the words" }] } },
    "the words",
    null,
  ],
  [
    "Google's violations",
    {
      error: {
        code: 400,
        message: "",
        details: [{ fieldViolations: [{ description: "the words" }] }],
      },
    },
    "the words",
    null,
  ],
  [
    "behind OpenRouter",
    {
      error: {
        message: "Provider returned error",
        metadata: { raw: '{"error":{"message":"the words"}}' },
      },
    },
    "the words",
    null,
  ],
  [
    "of a problem",
    { type: "about:blank", title: "the title", detail: "the words" },
    "the words",
    null,
  ],
  ["of a gateway in Java", { fault: { faultstring: "the words" } }, "the words", null],
  [
    "JSON in a text",
    { error: { message: '{"error":{"message":"the words"}}' } },
    "the words",
    null,
  ],
  ["XML", "<Error><Code>x</Code><Message>the words</Message></Error>", "the words", null],
  ["a plain text", "the words", "the words", null],
  ["fields with their faults", { errors: { seed: ["the words"] } }, "the words", "seed"],
  [
    "jsonrpc",
    { jsonrpc: "2.0", error: { code: -32_600, message: "the words" } },
    "the words",
    null,
  ],
  ["a list of errors at the top", [{ error: { message: "the words" } }], "the words", null],
  ["other capitals", { Error: { Message: "the words" } }, "the words", null],
];
