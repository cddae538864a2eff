import { describe, expect, it } from "vitest";
import { readUpstreamError } from "../../../../../workers/providers/errors/upstream-error.ts";

const missing = {
  type: "extra_forbidden",
  loc: ["body", "foo"],
  msg: "Extra inputs are not permitted",
};
const dump = (...faults: readonly string[]) =>
  `${faults.length} validation errors:\n  ${faults.join("\n  ")}`;

describe("an upstream's words are found", () => {
  it.each<[unknown, object]>([
    [
      {
        object: "error",
        message: { detail: [missing] },
        type: "invalid_request_error",
        param: null,
        code: null,
      },
      { message: "Extra inputs are not permitted", param: "foo", type: "invalid_request_error" },
    ],
    [{ errors: [{ message: "m" }] }, { message: "m" }],
    [{ errors: ["m"] }, { message: "m" }],
    [
      { error: { errors: { seed: ["must be an integer"] } } },
      { message: "seed: must be an integer", param: "seed" },
    ],
    [{ msg: "m", code: 1210 }, { message: "m" }],
    [{ detail: { error: { message: "m" } } }, { message: "m" }],
    [{ error: ["m"] }, { message: "m" }],
    [{ error: { error: { message: "m", code: "c" } } }, { message: "m", code: "c" }],
    [
      { error: "invalid_request", error_description: "m" },
      { message: "m", code: "invalid_request" },
    ],
    [{ error: { message: ["m", "n"] } }, { message: "m" }],
    [{ error: { message: '{"error":{"message":"m","code":"c"}}' } }, { message: "m", code: "c" }],
    [
      { status: 404, error: "Not Found", message: "No static resource" },
      { message: "No static resource", status: 404 },
    ],
    [{ error: { code: "rate_limit_exceeded" } }, { code: "rate_limit_exceeded" }],
    [{ foo: "bar" }, { message: '{"foo":"bar"}' }],
    [{ error: { message: "m", param: "body.seed" } }, { message: "m", param: "seed" }],
    ["Traceback (most recent call last):\n  File x\nValueError: m", { message: "ValueError: m" }],
    [
      dump(
        "{'type': 'a', 'loc': 'body.messages.0.ChatCompletionUserMessageParam.content', 'msg': 'Input should be a valid string', 'input': 'None'}",
        "{'type': 'b', 'loc': ('body', 'seed'), 'msg': \"Input should be 'x'\"}",
      ),
      {
        message: "messages.0.content: Input should be a valid string (and 1 more)",
        param: "messages.0.content",
      },
    ],
    [
      {
        object: "error",
        message:
          "[{'type': 'extra_forbidden', 'loc': ('body', 'tool_choice'), 'msg': 'Extra inputs are not permitted', 'input': 'auto'}, {'type': 'missing', 'loc': ('body', 'model'), 'msg': 'Field required', 'input': {'messages': [{'content': 'my prompt'}]}}]",
        type: "BadRequestError",
        param: null,
        code: 400,
      },
      {
        message: "tool_choice: Extra inputs are not permitted (and 1 more)",
        param: "tool_choice",
      },
    ],
    [
      "1 validation error for Request\nseed\n  Input should be a valid integer [type=int_parsing, input_value='x']\n    For further information visit x",
      { message: "seed: Input should be a valid integer", param: "seed" },
    ],
  ])("%j", (body, expected) => {
    expect(readUpstreamError(body)).toMatchObject(expected);
  });

  it.each([undefined, null, "", "  ", "<html>502</html>", {}, [], 5])("or not: %j", (body) => {
    expect(readUpstreamError(body)).toBeUndefined();
  });

  it("are bounded, whatever comes", () => {
    const deep = JSON.parse(`${'{"error":'.repeat(200)}"m"${"}".repeat(200)}`) as unknown;
    expect(readUpstreamError(deep)?.message.length).toBeLessThanOrEqual(2000);
    expect(readUpstreamError({ message: "x".repeat(1e6) })?.message).toHaveLength(2000);
  });
});
