import { expect, test } from "vitest";
import { LineProblem, readLine } from "../../../../workers/batches/read-line.ts";

const URL = "/v1/chat/completions";
const sound = { custom_id: "a", method: "POST", url: URL, body: { model: "m" } };

/** Returns undefined for a valid line. */
function problemOf(line: string | Buffer | object) {
  const bytes =
    Buffer.isBuffer(line) || typeof line === "string"
      ? Buffer.from(line)
      : Buffer.from(JSON.stringify(line));
  try {
    readLine(bytes, URL);
    return undefined;
  } catch (error) {
    if (!(error instanceof LineProblem)) throw error;
    return { code: error.code, message: error.message, param: error.param };
  }
}

const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
const deep = (levels: number): string =>
  JSON.stringify({ ...sound, body: {} }).replace("{}", `{"x":${nested(levels)}}`);

const notJson = "This line could not be parsed as JSON.";
const idRule = "The custom_id must be a text of at most 512 characters.";
const missing = (param: string) => ({
  code: "missing_required_parameter",
  message: `Missing required parameter: '${param}'.`,
  param,
});
const json = (message: string, param: string | null = null) => ({
  code: "invalid_json_line",
  message,
  param,
});
const badId = { code: "invalid_custom_id", message: idRule, param: "custom_id" };
const badMethod = {
  code: "invalid_method",
  message: "The method of every request must be POST.",
  param: "method",
};
const badUrl = {
  code: "invalid_url",
  message: `The URL of every request must be the batch's endpoint, ${URL}.`,
  param: "url",
};
const badBody = {
  code: "invalid_body",
  message: "The body of a request must be a JSON object.",
  param: "body",
};

test.for<[string, string | Buffer | object, object]>([
  ["no JSON", "{", json(notJson)],
  ["two objects", `${JSON.stringify(sound)}${JSON.stringify(sound)}`, json(notJson)],
  ["a comma at the end", `${JSON.stringify(sound)},`, json(notJson)],
  ["a byte order mark alone", "\ufeff", json(notJson)],
  ["a web page", "<html></html>", json(notJson)],
  ["NaN", JSON.stringify(sound).replace('"m"', "NaN"), json(notJson)],
  ["a control character in a text", JSON.stringify(sound).replace("m", "\u0001"), json(notJson)],
  ["null", "null", json("This line must be a JSON object.")],
  ["a list", "[]", json("This line must be a JSON object.")],
  ["a text", '"x"', json("This line must be a JSON object.")],
  [
    "invalid UTF-8",
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    json("This line is not valid UTF-8."),
  ],
  ["UTF-16", Buffer.from(JSON.stringify(sound), "utf16le"), json(notJson)],
  [
    "a key that reaches for prototypes",
    '{"__proto__":{}}',
    json("This line must not hold the key '__proto__'.", "__proto__"),
  ],
  [
    "such a key in the body",
    JSON.stringify(sound).replace('"model"', '"__proto__"').replace('"m"', "{}"),
    json("This line must not hold the key '__proto__'.", "__proto__"),
  ],
  [
    "a number that is infinite as a double",
    JSON.stringify(sound).replace('"m"', "1e999"),
    json("'body.model' is not a finite number.", "body.model"),
  ],
  ["a body of 65 levels", deep(64), json("This line nests deeper than 65 levels.")],
  ["a hundred thousand levels", nested(100_000), json("This line nests deeper than 65 levels.")],
  ["nothing", {}, missing("custom_id")],
  ["no custom_id", { ...sound, custom_id: undefined }, missing("custom_id")],
  ["a null custom_id", { ...sound, custom_id: null }, missing("custom_id")],
  ["an empty custom_id", { ...sound, custom_id: "" }, missing("custom_id")],
  ["a number as custom_id", { ...sound, custom_id: 1 }, badId],
  ["an object as custom_id", { ...sound, custom_id: {} }, badId],
  ["513 characters", { ...sound, custom_id: "x".repeat(513) }, badId],
  ["a NUL", { ...sound, custom_id: "a\0b" }, badId],
  ["a lone surrogate", String.raw`{"custom_id":"\ud800","method":"POST"}`, badId],
  ["no method", { ...sound, method: undefined }, missing("method")],
  ["GET", { ...sound, method: "GET" }, badMethod],
  ["post", { ...sound, method: "post" }, badMethod],
  ["no url", { ...sound, url: undefined }, missing("url")],
  ["the url of another endpoint", { ...sound, url: "/v1/embeddings" }, badUrl],
  ["a whole url", { ...sound, url: `https://api.openai.com${URL}` }, badUrl],
  ["a url with a query", { ...sound, url: `${URL}?a=b` }, badUrl],
  ["a number as url", { ...sound, url: 1 }, badUrl],
  ["no body", { ...sound, body: undefined }, missing("body")],
  ["a null body", { ...sound, body: null }, missing("body")],
  ["a list as body", { ...sound, body: [] }, badBody],
  ["a text as body", { ...sound, body: "{}" }, badBody],
])("a line with %s is refused", ([, line, problem]) => {
  expect(problemOf(line)).toEqual(problem);
});

test.for<[string, string | object]>([
  ["an empty body", { ...sound, body: {} }],
  ["fields that nobody knows", { ...sound, more: 1 }],
  ["512 characters of id", { ...sound, custom_id: "😀".repeat(256) }],
  ["blanks in the id", { ...sound, custom_id: " " }],
  ["a byte order mark before it", `\ufeff${JSON.stringify(sound)}`],
  ["a carriage return behind it", `${JSON.stringify(sound)}\r`],
  ["blanks around it", ` \t${JSON.stringify(sound)} `],
  ["a body of 64 levels", deep(63)],
])("a line with %s is taken", ([, line]) => {
  expect(problemOf(line)).toBeUndefined();
});

test("numbers that a double would change go on as they were written", () => {
  const bytes = Buffer.from(JSON.stringify(sound).replace('"m"', "12345678901234567890"));
  const { customId, body } = readLine(bytes, URL);
  expect(customId).toBe("a");
  expect(JSON.stringify(body.exact)).toBe('{"model":12345678901234567890}');
});
