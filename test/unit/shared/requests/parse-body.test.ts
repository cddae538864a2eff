import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { parseBody } from "../../../../shared/requests/parse-body.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";

function refusalOf(body: string | Buffer): BrokerError {
  try {
    parseBody(Buffer.from(body));
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("was taken");
}

function rewritten(text: string): string {
  return JSON.stringify(parseBody(Buffer.from(text)).exact);
}

function nested(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
}

describe("what is no request", () => {
  test.each([
    ["", "invalid_json", undefined, /needs a body/],
    ["{", "invalid_json", undefined, /could not be parsed/],
    ['{"a":1,}', "invalid_json", undefined, /could not be parsed/],
    ['{"a":NaN}', "invalid_json", undefined, /could not be parsed/],
    ["null", "invalid_request", undefined, /JSON object/],
    ["[{}]", "invalid_request", undefined, /JSON object/],
    ['"text"', "invalid_request", undefined, /JSON object/],
    ['{"__proto__":{"a":1}}', "invalid_request", "__proto__", /'__proto__'/],
    [String.raw`{"x":[{"__\u0070roto__":1}]}`, "invalid_request", "__proto__", /'__proto__'/],
    ['{"constructor":{"prototype":{}}}', "invalid_request", "constructor.prototype", /prototype/],
    ['{"temperature":1e999}', "invalid_request", "temperature", /finite/],
    ['{"a":[{"b":-1e400}]}', "invalid_request", "a[0].b", /finite/],
    [`{"a":${"9".repeat(400)}}`, "invalid_request", "a", /finite/],
  ])("refuses %s", (body, code, param, message) => {
    const error = refusalOf(body);
    expect(error).toMatchObject({ code, param, status: 400 });
    expect(error.message).toMatch(message);
  });

  test.each([
    ["objects", `{"messages":[${"{},".repeat(300_000)}{}]}`],
    ["arrays", `{"prompt":[${"[1],".repeat(300_000)}[1]]}`],
    ["fields", `{${Array.from({ length: 300_000 }, (_, at) => `"z${at}":1`).join(",")}}`],
  ])("refuses more %s than anybody needs, before it parses them", (_name, body) => {
    expect(refusalOf(body)).toMatchObject({
      code: "invalid_request",
      status: 400,
      message: "The body holds more than 300000 objects, arrays and fields.",
    });
  });

  test("takes a bias for every token of a large vocabulary, and long lists of tokens and texts", () => {
    const biases = Array.from({ length: 262_144 }, (_, token) => `"${token}":-100`).join(",");
    const tokens = "1,".repeat(500_000);
    const texts = '":{[",'.repeat(500_000);
    expect(() =>
      parseBody(
        Buffer.from(`{"logit_bias":{${biases}},"prompt":[${tokens}1],"stop":[${texts}""]}`),
      ),
    ).not.toThrow();
  });

  test("refuses bytes that are not UTF-8, and says so", () => {
    const body = Buffer.concat([
      Buffer.from('{"a":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    expect(refusalOf(body)).toMatchObject({ code: "invalid_json", param: undefined });
    expect(refusalOf(body).message).toContain("not valid UTF-8");
  });

  test.each([
    ["gzip", gzipSync('{"a":1}')],
    ["zstd", zstdCompressSync('{"a":1}')],
  ])("tells a body in %s as what it is", (_name, body) => {
    expect(refusalOf(body)).toMatchObject({ code: "unsupported_media_type", status: 415 });
    expect(refusalOf(body).message).toContain("compressed");
  });

  test.each(["[", '{"a":', '[{"a":'])("refuses 100,000 levels of %s", (open) => {
    expect(refusalOf(open.repeat(100_000)).message).toContain("64 levels");
  });

  test("never repeats the body in an error", () => {
    expect(refusalOf('{"secret words": nope}').message).not.toContain("secret");
  });
});

describe("what is", () => {
  test("takes 64 levels and no more", () => {
    expect(rewritten(nested(64))).toBe(nested(64));
    expect(refusalOf(nested(65)).message).toContain("64 levels");
  });

  test("does not count brackets inside strings", () => {
    const text = JSON.stringify({ a: `${"[".repeat(99)}\\"{`, b: '\\"[{'.repeat(99) });
    expect(rewritten(text)).toBe(text);
  });

  test.each([
    ['{"seed":9223372036854775807}'],
    ['{"a":[12345678901234567890,{"b":-0.12345678901234567890}]}'],
    ['{"a":123456789.1234567890123}'],
    ['{"text":"1234567890123456789","n":1}'],
  ])("keeps %s as it was written", (text) => {
    expect(rewritten(text)).toBe(text);
  });

  test("reads long numbers as numbers all the same", () => {
    expect(parseBody(Buffer.from('{"seed":9223372036854775807}')).fields["seed"]).toBe(2 ** 63);
  });

  test("keeps NUL, lone surrogates and odd Unicode", () => {
    const text = String.raw`{"a":"\u0000\ud800x\udfff","b":"\u2028‮👩‍👩‍👧\ufffe"}`;
    expect(JSON.parse(rewritten(text))).toEqual(JSON.parse(text));
  });

  test("skips a byte order mark", () => {
    expect(rewritten('\uFEFF{"a":12345678901234567890}')).toBe('{"a":12345678901234567890}');
  });

  test("takes the last of duplicate keys", () => {
    expect(rewritten('{"a":1,"b":2,"a":3}')).toBe('{"a":3,"b":2}');
  });
});
