import { expect, onTestFinished, test } from "vitest";
import { takeInstanceLock } from "../../../cli/embedded-postgres/instance-lock.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { nextJson, runModule } from "./scratch.ts";

async function freshUrl(): Promise<string> {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  return database.url;
}

test("a second instance is told within about 3 s, and gets the lock after a release", async () => {
  const url = await freshUrl();
  const first = await takeInstanceLock(url);
  expect(first).not.toBeNull();
  const begunAtMs = performance.now();
  expect(await takeInstanceLock(url)).toBeNull();
  const waitedMs = performance.now() - begunAtMs;
  expect(waitedMs).toBeGreaterThan(2_500);
  expect(waitedMs).toBeLessThan(30_000);
  await first?.release();
  const second = await takeInstanceLock(url);
  expect(second).not.toBeNull();
  await second?.release();
});

test("the lock of a killed process is free for its successor", async () => {
  const url = await freshUrl();
  const child = runModule(
    `const { takeInstanceLock } = await import(checkout + "cli/embedded-postgres/instance-lock.ts");
     console.log(JSON.stringify({ taken: (await takeInstanceLock(${JSON.stringify(url)})) !== null }));
     setInterval(() => {}, 60_000);`,
  );
  expect(await nextJson(child)).toEqual({ taken: true });
  child.kill("SIGKILL");
  const lock = await takeInstanceLock(url);
  expect(lock).not.toBeNull();
  await lock?.release();
});
