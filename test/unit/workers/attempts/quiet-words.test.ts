import { expect, test } from "vitest";
import { quietWords } from "../../../../workers/attempts/quiet-words.ts";

const body = JSON.stringify({
  model: "chat",
  messages: [{ role: "user", content: 'Where do "blue herons"\n wade at night? Zyx1' }],
  metadata: { customer_name: "Frieda Falter" },
});

test.each([
  [
    "The model `nope` does not exist. Valid aliases: tiny.",
    "The model `nope` does not exist. Valid aliases: tiny.",
  ],
  [
    "max_tokens=4096 cannot be greater than max_model_len=256",
    "max_tokens=4096 cannot be greater than max_model_len=256",
  ],
  ['cannot parse: Where do "blue herons" wade at night? Zyx1', "cannot parse: …"],
  ["no field customer_name of FRIEDA FALTER", "no field… of …"],
])("of %j the log may show %j", (message, shown) => {
  expect(quietWords(message, body)?.replaceAll(/ ?…/g, "…").trim()).toBe(
    shown.replaceAll(/ ?…/g, "…"),
  );
});

test("a prompt is never shown, wherever it is quoted and however it is spelled", () => {
  const words = quietWords('bad input: WHERE   do "blue HERONS" in line 3', body);
  expect(words).not.toMatch(/heron|where/i);
  expect(words).toContain("line 3");
});

test("long messages are cut, and what cannot be compared is not shown", () => {
  expect(quietWords("x".repeat(5_000), body)?.length).toBeLessThanOrEqual(301);
  expect(quietWords("some words", "no JSON")).toBeUndefined();
  expect(quietWords("some words", `"${"y".repeat(500_000)}"`)).toBeUndefined();
});
