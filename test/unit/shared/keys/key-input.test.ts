import { expect, test } from "vitest";
import { checkFields } from "../../../../shared/requests/check-fields.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";
import { createKeyInput, updateKeyInput } from "../../../../shared/keys/key-input.ts";

function errorOf(schema: typeof createKeyInput | typeof updateKeyInput, value: unknown) {
  try {
    checkFields(schema, value);
  } catch (error) {
    if (error instanceof BrokerError) return { code: error.code, param: error.param };
    throw error;
  }
  return undefined;
}

const withLimit = (limit: unknown) => ({ name: "n", budget: { limit_usd: limit, period: "day" } });

test.each([
  [0, 0n],
  [-0, 0n],
  ["0", 0n],
  ["0.000000001", 1n],
  [1e-7, 100n],
  [1.5, 1_500_000_000n],
  [0.1, 100_000_000n],
  ["10.50", 10_500_000_000n],
  ["1.1000000000", 1_100_000_000n],
  [9e9, 9_000_000_000_000_000_000n],
])("a limit of %j USD is exactly %s nano-USD", (limit, nanos) => {
  expect(checkFields(createKeyInput, withLimit(limit)).budget?.limit_usd).toBe(nanos);
});

test.each([
  -1,
  "-1",
  "-0.000000001",
  "abc",
  "",
  " ",
  "1e3",
  "0x10",
  "1,5",
  "$1",
  "NaN",
  "Infinity",
  NaN,
  Infinity,
  1e-10,
  "0.0000000001",
  1e21,
  "9000000000.000000001",
  "9".repeat(1_000_000),
  null,
  true,
  {},
  [],
])("a limit of %j is refused by name", (limit) => {
  expect(errorOf(createKeyInput, withLimit(limit))).toEqual({
    code: "invalid_request",
    param: "budget.limit_usd",
  });
});

test.each([
  [{ id: "key_mine" }, "id"],
  [{ hash: "00" }, "hash"],
  [{ revoked_at: null }, "revoked_at"],
  [{ created_at: "2020-01-01T00:00:00Z" }, "created_at"],
  [{ key: "sk-mine" }, "key"],
  [{ budget: { limit_usd: 1, period: "day", settled_usd: "-5" } }, "budget.settled_usd"],
])("a field that callers may not set is refused: %j", (fields, param) => {
  expect(errorOf(createKeyInput, { name: "n", ...fields })?.param).toBe(param);
  expect(errorOf(updateKeyInput, { name: "n", ...fields })?.param).toBe(param);
});

test.each([
  [{}, "name"],
  [{ name: "" }, "name"],
  [{ name: "n".repeat(201) }, "name"],
  [{ name: "a\u0000b" }, "name"],
  [{ name: "\u001b[31m" }, "name"],
  [{ name: 7 }, "name"],
  [{ name: "n", models: [] }, "models"],
  [{ name: "n", models: "chat-small" }, "models"],
  [{ name: "n", models: ["ok", 7] }, "models[1]"],
  [{ name: "n", models: Array.from({ length: 257 }, () => "m") }, "models"],
  [{ name: "n", residency: "moon" }, "residency"],
  [{ name: "n", max_service_tier: "batch" }, "max_service_tier"],
  [{ name: "n", budget: { limit_usd: 1 } }, "budget.period"],
  [{ name: "n", budget: { limit_usd: 1, period: "year" } }, "budget.period"],
  [{ name: "n", expires_at: "2001-01-01T00:00:00Z" }, "expires_at"],
  [{ name: "n", expires_at: "2999-02-30T00:00:00Z" }, "expires_at"],
  [{ name: "n", expires_at: "2999-01-01T00:00:00" }, "expires_at"],
  [{ name: "n", expires_at: 4102444800 }, "expires_at"],
])("creating refuses %j and names the field", (input, param) => {
  expect(errorOf(createKeyInput, input)).toEqual({ code: "invalid_request", param });
});

test("an update that changes nothing is refused", () => {
  expect(errorOf(updateKeyInput, {})?.code).toBe("invalid_request");
  expect(errorOf(updateKeyInput, { budget: {} })?.param).toBe("budget");
  expect(errorOf(updateKeyInput, undefined)?.code).toBe("invalid_request");
});

test("an update leaves out what was not given, and takes null where null means something", () => {
  expect(checkFields(updateKeyInput, { models: null, budget: null, expires_at: null })).toEqual({
    models: null,
    budget: null,
    expires_at: null,
  });
  expect(errorOf(updateKeyInput, { name: null })?.param).toBe("name");
});
