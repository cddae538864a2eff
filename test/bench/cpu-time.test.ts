import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { cpuTimes, parentOf } from "./measure/cpu-time.ts";

const BUSY_MS = 300;
/**
 * The program measures processor time, of which a busy machine gives less than passes on the clock.
 */
const BUSY_PROGRAM = `
  const workedMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
  while (workedMs() < ${BUSY_MS});`;
/** The kernel rounds each process' time down to its tick. */
const ROUNDING_MS = 20;

/**
 * Starts a shell that runs a program to its end, prints a line and waits for the end of its input.
 */
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
  const shell = await shellAfter(BUSY_PROGRAM);
  const [ms] = cpuTimes([shell.pid]);
  expect(ms).toBeGreaterThan(BUSY_MS - ROUNDING_MS);
  expect(ms).toBeLessThan(BUSY_MS * 5);
});

test("counts a process that runs below another one with it", async () => {
  const shell = await shellAfter(BUSY_PROGRAM);
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
