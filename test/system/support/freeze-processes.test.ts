import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { freezeProcesses } from "../../support/freeze-processes.ts";

/** One shell keeps starting processes while another runs on; all of them write lines. */
async function startForking(): Promise<{ readonly pid: number; readonly lines: string[] }> {
  const script = `
    (while :; do echo on; sleep 0.01; done) &
    while :; do (sleep 0.01; echo one more) & wait $!; done`;
  const shell = spawn("sh", ["-c", script], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { pid } = shell;
  if (pid === undefined) throw new Error("no shell");
  onTestFinished(() => void process.kill(-pid, "SIGKILL"));
  const lines: string[] = [];
  createInterface({ input: shell.stdout }).on("line", (line) => lines.push(line));
  await once(shell.stdout, "data");
  return { pid, lines };
}

test("a process that starts others is frozen with them, and goes on with them", async () => {
  const { pid, lines } = await startForking();
  for (let round = 0; round < 10; round++) {
    const thaw = await freezeProcesses(pid);
    let before = lines.length;
    // Lines that were written before the freeze may still arrive.
    await eventually(async () => {
      before = lines.length;
      await sleep(50);
      expect(lines).toHaveLength(before);
    });
    thaw();
    await eventually(() => expect(lines.length).toBeGreaterThan(before));
  }
});

test("a process that is not there cannot be frozen", async () => {
  const gone = spawn("true");
  await once(gone, "close");
  await expect(freezeProcesses(gone.pid ?? 0)).rejects.toThrow("there is no process");
});
