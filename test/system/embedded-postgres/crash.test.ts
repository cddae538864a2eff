import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chown, cp, readdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { expect, test } from "vitest";
import { startEmbeddedPostgres } from "../../../cli/embedded-postgres/embedded-postgres.ts";
import {
  firstRow,
  killHard,
  nextJson,
  options,
  postmasterPid,
  scratchDir,
  startInChild,
  usedDir,
} from "./scratch.ts";

test("the server of a killed process is adopted, and can be stopped", async () => {
  const dataDir = await usedDir();
  const child = startInChild(dataDir);
  const left = await nextJson(child);
  await firstRow(String(left["connectionString"]), "CREATE TABLE kept AS SELECT 7 AS number");
  await killHard(child);

  const postgres = await startEmbeddedPostgres(options(dataDir));
  expect(postgres.adopted).toBe(true);
  expect(postgres.connectionString).toBe(left["connectionString"]);
  expect(await firstRow(postgres.connectionString, "SELECT number FROM kept")).toEqual({
    number: 7,
  });
  await postgres.stop();
  await expect(firstRow(postgres.connectionString, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
});

test("after a kill of the postmaster alone a start waits for its children to let go", async () => {
  const durable = { ...options(await usedDir()), settings: {} };
  const first = await startEmbeddedPostgres(durable);
  await firstRow(first.connectionString, "CREATE TABLE kept AS SELECT 7 AS number");
  const busy = new Client({ connectionString: first.connectionString });
  busy.on("error", () => undefined);
  await busy.connect();
  // A backend in a busy loop does not check whether its postmaster lives.
  const looping = busy.query(
    `DO $$ DECLARE begun timestamptz := clock_timestamp(); BEGIN
       WHILE clock_timestamp() < begun + interval '2 s' LOOP END LOOP; END $$`,
  );
  const looped = looping.then(
    () => undefined,
    () => undefined,
  );
  await expectActive(first.connectionString, "DO $$");
  process.kill(postmasterPid(first.filesDir), "SIGKILL");

  const second = await startEmbeddedPostgres(durable);
  await looped;
  expect(second.adopted).toBe(false);
  expect(readFileSync(join(second.filesDir, "postgres.log"), "utf8")).toContain(
    "pre-existing shared memory block",
  );
  expect(await firstRow(second.connectionString, "SELECT number FROM kept")).toEqual({ number: 7 });
  await second.stop();
});

test("a process number that has passed to another program does not keep the server from starting", async () => {
  const dataDir = await usedDir();
  const first = await startEmbeddedPostgres(options(dataDir));
  const pidFile = join(first.filesDir, "data", "postmaster.pid");
  const lines = readFileSync(pidFile, "utf8").split("\n");
  await first.stop();
  await writeFile(pidFile, [String(process.pid), ...lines.slice(1)].join("\n"));

  const second = await startEmbeddedPostgres(options(dataDir));
  expect(second.adopted).toBe(false);
  await second.stop();
});

test("a copied directory does not lead to the server of the original", async () => {
  const [original, copy] = [await usedDir(), await scratchDir()];
  const copied = join(copy, "postgres");
  const earlier = await startEmbeddedPostgres(options(original));
  const filesDir = earlier.filesDir;
  await earlier.stop();
  await cp(filesDir, copied, { recursive: true });
  const first = await startEmbeddedPostgres(options(original));
  await cp(join(filesDir, "data", "postmaster.pid"), join(copied, "data", "postmaster.pid"));
  await giveAway(filesDir, copied);

  const second = await startEmbeddedPostgres(options(copy));
  expect(second.adopted).toBe(false);
  expect(second.connectionString).not.toBe(first.connectionString);
  await second.stop();
  await firstRow(first.connectionString, "SELECT 1");
  await first.stop();
});

test.runIf(process.platform === "linux")(
  "a first start that was killed half way leaves nothing that a later one stumbles over",
  async () => {
    const dataDir = await scratchDir();
    const child = startInChild(dataDir);
    const draft = await until(() =>
      readdirSync(dataDir).find((name) => existsSync(join(dataDir, name, "data", "base"))),
    );
    expect(draft).toMatch(/^postgres\.new-/);
    const initdb = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"));
    process.kill(-initdb, "SIGKILL");
    await killHard(child);
    expect(readdirSync(dataDir)).toEqual([draft]);

    const postgres = await startEmbeddedPostgres(options(dataDir));
    expect(await firstRow(postgres.connectionString, "SELECT 1 AS one")).toEqual({ one: 1 });
    expect(readdirSync(dataDir)).toEqual(["postgres"]);
    await postgres.stop();
  },
);

test("a log of more than 10 MB is emptied at the start", async () => {
  const dataDir = await usedDir();
  const first = await startEmbeddedPostgres(options(dataDir));
  await first.stop();
  const log = join(first.filesDir, "postgres.log");
  await truncate(log, 11 * 1024 * 1024);
  const second = await startEmbeddedPostgres(options(dataDir));
  await second.stop();
  const text = readFileSync(log, "utf8");
  expect(text.length).toBeLessThan(10_000);
  expect(text).toContain("ready to accept connections");
});

/** Gives every file of the copy the owner that it has in the original. */
async function giveAway(original: string, copy: string): Promise<void> {
  for (const name of ["", ...(await readdir(original, { recursive: true }))]) {
    const owner = await stat(join(original, name)).catch(() => null);
    if (owner !== null && existsSync(join(copy, name)))
      await chown(join(copy, name), owner.uid, owner.gid);
  }
}

async function expectActive(connectionString: string, query: string): Promise<void> {
  await until(async () => {
    const row = await firstRow(
      connectionString,
      `SELECT count(*)::int AS active FROM pg_stat_activity
       WHERE state = 'active' AND query LIKE '${query}%'`,
    );
    return row["active"] === 1 ? true : undefined;
  });
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(5);
  }
}
