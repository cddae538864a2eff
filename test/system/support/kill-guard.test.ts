import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { killHard, nextJson, runModule } from "../embedded-postgres/scratch.ts";
import { eventually } from "../../support/eventually.ts";
import { guardAgainstKill } from "../../support/kill-guard.ts";

async function startServer() {
  const server = spawn("sleep", ["600"]);
  onTestFinished(() => void server.kill("SIGKILL"));
  await once(server, "spawn");
  return { server, ended: once(server, "exit") };
}

async function scratch(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "spillway-guard-"));
}

test.each(["KILL", "QUIT"] as const)(
  "a killed process takes its frozen server (%s) and its files with it",
  async (signal) => {
    const { server, ended } = await startServer();
    server.kill("SIGSTOP");
    const directory = await scratch();
    const owner = runModule(`
      const { guardAgainstKill } = await import(checkout + "test/support/kill-guard.ts");
      const guard = guardAgainstKill({ signal: "${signal}", directories: [${JSON.stringify(directory)}] });
      // The next call replaces this one.
      guard.watch(process.pid);
      guard.watch(${server.pid});
      console.log(JSON.stringify({}));
      setInterval(() => {}, 60_000);
    `);
    await nextJson(owner);
    await killHard(owner);
    expect(await ended).toEqual([null, `SIG${signal}`]);
    await eventually(() => expect(existsSync(directory)).toBe(false));
  },
);

test("released, it leaves a process alone that has the number of the ended server", async () => {
  const { server, ended } = await startServer();
  const directory = await scratch();
  const guard = guardAgainstKill({ signal: "KILL", directories: [directory] });
  guard.watch(server.pid);
  guard.release();
  await eventually(() => expect(existsSync(directory)).toBe(false));
  server.kill("SIGTERM");
  expect(await ended).toEqual([null, "SIGTERM"]);
});
