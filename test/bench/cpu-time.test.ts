import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { cpuTimes, parentOf } from "./measure/cpu-time.ts";

const busyMs = 300;
/** Processor time, of which a crowded machine gives less than passes on the clock. */
const busy = `
  const workedMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
  while (workedMs() < ${busyMs});`;
/** The kernel rounds each process' time down to its tick. */
const roundingMs = 20;

/** A shell that runs a program to its end, says so and waits for the end of its input. */
async function shellAfter(program: string): Promise<ChildProcess & { readonly pid: number }> {
  const script = '"$0" -e "$1"; echo done; cat';
  const shell = spawn("sh", ["-c", script, process.execPath, program], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  onTestFinished(() => void shell.stdin.end());
  await once(shell.stdout, "data");
  if (shell.pid === undefined) throw new Error("no shell");
  return Object.assign(shell, { pid: shell.pid });
}

test("counts what ended children worked, with the process that started them", async () => {
  const shell = await shellAfter(busy);
  const [ms] = cpuTimes([shell.pid]);
  expect(ms).toBeGreaterThan(busyMs - roundingMs);
  expect(ms).toBeLessThan(busyMs * 5);
});

test("counts a process that runs below another one with it", async () => {
  const shell = await shellAfter(busy);
  const [own = Number.NaN, all = Number.NaN] = cpuTimes([shell.pid, process.pid]);
  expect(all).toBeGreaterThanOrEqual(own);
  expect(own).toBeGreaterThan(0);
  expect(parentOf(shell.pid)).toBe(process.pid);
});

test("says so when the process to be measured has ended", async () => {
  const shell = await shellAfter("");
  const ended = once(shell, "exit");
  shell.stdin?.end();
  await ended;
  expect(() => cpuTimes([shell.pid])).toThrow(`process ${shell.pid} has ended`);
});
