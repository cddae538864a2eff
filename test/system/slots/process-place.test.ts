import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { hasEnded, ownPlace } from "../../../workers/slots/process-place.ts";

test("a process of this machine has ended once its number is free, and not before", async () => {
  const own = ownPlace();
  const child = spawn("sleep", ["60"]);
  const place = { ...own, pid: child.pid ?? 0 };
  expect(hasEnded(place, own)).toBe(false);
  const closed = once(child, "close");
  child.kill("SIGSTOP");
  expect(hasEnded(place, own)).toBe(false);
  child.kill("SIGKILL");
  await closed;
  expect(hasEnded(place, own)).toBe(true);
});

test("of another machine, nothing is known", () => {
  const own = ownPlace();
  expect(hasEnded({ machine: "elsewhere", pid: 999_999_999 }, own)).toBe(false);
});
