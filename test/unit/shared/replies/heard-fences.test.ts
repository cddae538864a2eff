import { beforeEach, expect, test } from "vitest";
import { HeardFences } from "../../../../shared/replies/heard-fences.ts";

let fences: HeardFences;
beforeEach(() => {
  fences = new HeardFences();
});

test("an attempt is heard as often as it speaks, until a newer one does", () => {
  expect([1, 1, 1].map((fence) => fences.hear(fence))).toEqual([true, true, true]);
  expect(fences.hear(3)).toBe(true);
  expect(fences.hear(1)).toBe(false);
  expect(fences.hear(2)).toBe(false);
  expect(fences.hear(3)).toBe(true);
});

test("what was refused does not become the highest", () => {
  expect(fences.highest).toBe(0);
  fences.hear(5);
  fences.hear(4);
  expect(fences.highest).toBe(5);
});

test("attempts that are over are not heard again, and a newer one is", () => {
  fences.hear(2);
  fences.end();
  expect(fences.hear(1)).toBe(false);
  expect(fences.hear(2)).toBe(false);
  expect(fences.hear(3)).toBe(true);
});

test("an end before any attempt was heard silences none", () => {
  fences.end();
  expect(fences.hear(1)).toBe(true);
});
