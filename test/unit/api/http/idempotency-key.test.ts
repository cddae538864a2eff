import { expect, test } from "vitest";
import { idempotencyKeyOf } from "../../../../api/http/idempotency-key.ts";

const keyOf = (value: string): string | undefined => idempotencyKeyOf({ "idempotency-key": value });

test("bare and quoted, which mean the same", () => {
  expect(keyOf("8e03978e-40d5")).toBe("8e03978e-40d5");
  expect(keyOf('"8e03978e-40d5"')).toBe("8e03978e-40d5");
  expect(keyOf(String.raw`"a\"b\\c"`)).toBe(String.raw`a"b\c`);
  expect(keyOf('a"b')).toBe('a"b');
  expect(keyOf("x".repeat(255))).toHaveLength(255);
  expect(idempotencyKeyOf({})).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["an empty string", '""'],
  ["256 characters", "x".repeat(256)],
  ["a space inside", "two words"],
  ["two headers", "one, two"],
  ["a quote that does not end", '"open'],
  ["parameters", '"key";a=1'],
  ["a wrong escape", String.raw`"a\b"`],
  ["a letter beyond ASCII", "kéy"],
])("%s is refused", (_what, value) => {
  expect(() => keyOf(value)).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "Idempotency-Key" }),
  );
});
