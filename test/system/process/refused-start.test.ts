import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../../support/postgres.ts";
import { runCommand, startBroker } from "./broker-process.ts";
import { postmasterOf, temporaryDataDir, usedDataDir } from "./data-dir.ts";

test.each([
  [{ SPILLWAY_PORT: "http" }, "SPILLWAY_PORT: http is not a port"],
  [
    { LOG_LEVEL: "loud" },
    "LOG_LEVEL: loud is none of trace, debug, info, warn, error, fatal, silent",
  ],
  [
    { SPILLWAY_ADMIN_KEY_FILE: "/no/such/file" },
    "SPILLWAY_ADMIN_KEY_FILE: cannot read /no/such/file",
  ],
  [
    { SPILLWAY_ADMIN_KEY: "a", SPILLWAY_ADMIN_KEY_FILE: "b" },
    "SPILLWAY_ADMIN_KEY and SPILLWAY_ADMIN_KEY_FILE are both set",
  ],
  [
    { DATABASE_URL: "mysql://me:secret@host/db" },
    "DATABASE_URL: is not a URL like postgres://user@host/database",
  ],
  [{ REDIS_URL: "secret@host" }, "REDIS_URL: is not a URL like redis://host:6379"],
  [{ SPILLWAY_CONFIG: "/no/such.yaml" }, "/no/such.yaml:1:1: cannot be read: no such file"],
  [
    { DATABASE_URL: "postgres://me:secret@127.0.0.1:1/db" },
    "the database of DATABASE_URL cannot be used: connect ECONNREFUSED 127.0.0.1:1",
  ],
])("%j ends the start with a sentence", async (env, sentence) => {
  const dataDir = await temporaryDataDir();
  const ended = await runCommand(["serve"], { SPILLWAY_DATA_DIR: dataDir, ...env });
  expect(ended).toEqual({ code: 1, signal: null, stdout: "", stderr: `spillway: ${sentence}\n` });
  expect(postmasterOf(dataDir)).toBeUndefined();
});

test("every problem of the configuration file is named", async () => {
  const dataDir = await temporaryDataDir();
  const file = join(dataDir, "bad.yaml");
  await writeFile(file, "providers: {}\nmodels: {}\nextra: 1\n");
  const env = { SPILLWAY_DATA_DIR: dataDir, SPILLWAY_CONFIG: file };
  const { code, stdout, stderr } = await runCommand(["serve"], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^spillway: .*bad\.yaml:1:/);
  expect(stderr).toContain("bad.yaml:3:1 extra: unknown key\n");
  expect(stderr).not.toMatch(/\n +at /);
});

test("an address that cannot be listened on stops PostgreSQL again", async () => {
  const dataDir = await usedDataDir();
  const env = { SPILLWAY_DATA_DIR: dataDir, SPILLWAY_HOST: "203.0.113.1", SPILLWAY_PORT: "0" };
  const ended = await runCommand(["serve"], env);
  expect(ended.code).toBe(1);
  // PostgreSQL's stop may meet a connection, and this may be logged; no line says that the broker
  // runs.
  expect(ended.stdout).not.toContain("runs at");
  expect(ended.stderr).toBe(
    "spillway: cannot listen on 203.0.113.1, port 0 (EADDRNOTAVAIL); see SPILLWAY_HOST and SPILLWAY_PORT\n",
  );
  expect(postmasterOf(dataDir)).toBeUndefined();
});

test("two brokers on one DATABASE_URL would take each other's work: the second ends", async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const broker = await startBroker({
    SPILLWAY_DATA_DIR: await temporaryDataDir(),
    DATABASE_URL: database.url,
  });
  const ended = await runCommand(["serve"], {
    SPILLWAY_DATA_DIR: await temporaryDataDir(),
    DATABASE_URL: database.url,
    SPILLWAY_PORT: "0",
  });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(/^spillway: another Spillway runs on the database of DATABASE_URL/);
  expect((await fetch(`${broker.url}/health/ready`)).status).toBe(200);
  broker.child.kill("SIGTERM");
  expect(await broker.ended).toMatchObject({ code: 0 });
});
