import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { configCommand } from "../../../cli/commands/config-command.ts";
import { keyCommand } from "../../../cli/commands/key-command.ts";
import { simulateCommand } from "../../../cli/commands/simulate-command.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import { callAdmin } from "./admin.ts";
import { runCommand, startBroker, startCommand } from "./broker-process.ts";
import { postmasterOf, temporaryDataDir, usedDataDir } from "./data-dir.ts";
import { chat } from "./own-config.ts";

interface Key {
  readonly id: string;
  readonly key: string;
  readonly name: string;
}

test("keys are made, listed, changed and revoked while the broker runs, and it notices", async () => {
  const dataDir = await usedDataDir();
  const env = { SPILLWAY_DATA_DIR: dataDir };
  const broker = await startBroker(env);
  const created = await runCommand(["key", "create", "--name", "app", "--json"], env);
  expect(created).toMatchObject({ code: 0, stderr: "" });
  const { id, key } = JSON.parse(created.stdout) as Key;
  const ask = async (): Promise<number> => (await chat(broker.url, key, {}, "demo-chat")).status;
  expect(await ask()).toBe(200);

  const listed = await runCommand(["key", "list"], env);
  expect(listed.code).toBe(0);
  expect(listed.stdout).toContain(id);
  expect(listed.stdout).not.toContain(key);

  const budget = ["--budget-usd", "0", "--budget-period", "total", "--json"];
  const updated = await runCommand(["key", "update", id, ...budget], env);
  expect(JSON.parse(updated.stdout)).toMatchObject({ id, budget: { limit_usd: "0" } });
  const { data } = await callAdmin<{ data: Key[] }>(broker, "GET", "/admin/keys");
  expect(data.map(({ name }) => name).toSorted()).toEqual(["app", "demo"]);

  expect(await runCommand(["key", "revoke", id], env)).toMatchObject({
    code: 0,
    stdout: `Revoked ${id}. Waiting jobs that ended: 0.\n`,
  });
  await eventually(async () => expect(await ask()).toBe(401), 1_500);
  const unknown = await runCommand(["key", "revoke", "key_none"], env);
  expect(unknown).toMatchObject({ code: 1, stdout: "", stderr: "error: no such key: key_none\n" });
});

test("keys are made while nothing runs, and nothing runs afterwards", async () => {
  const dataDir = await usedDataDir();
  const env = { SPILLWAY_DATA_DIR: dataDir };
  const created = await runCommand(["key", "create", "--name", "early", "--json"], env);
  expect(created).toMatchObject({ code: 0, stderr: "" });
  const { key } = JSON.parse(created.stdout) as Key;
  expect(postmasterOf(dataDir)).toBeUndefined();
  const broker = await startBroker(env);
  expect((await chat(broker.url, key, {}, "demo-chat")).status).toBe(200);
});

test("several commands at once on a database that nobody has begun all succeed", async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query("drop schema public cascade; create schema public");
  await client.end();
  const env = { DATABASE_URL: database.url, SPILLWAY_DATA_DIR: await temporaryDataDir() };
  const names = ["one", "two", "three"];
  const ended = await Promise.all(
    names.map((name) => runCommand(["key", "create", "--name", name], env)),
  );
  for (const { code, stderr } of ended) expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const listed = await runCommand(["key", "list", "--json"], env);
  expect((JSON.parse(listed.stdout) as { data: Key[] }).data).toHaveLength(3);
});

test("several commands at once on an embedded database share its server, and it stops", async () => {
  const dataDir = await temporaryDataDir();
  const env = { SPILLWAY_DATA_DIR: dataDir };
  const names = ["one", "two", "three", "four"];
  const ended = await Promise.all(
    names.map(async (name, index) => {
      // Some commands start while others end.
      await sleep(index * 400);
      return await runCommand(["key", "create", "--name", name], env);
    }),
  );
  for (const { code, stderr } of ended) expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(postmasterOf(dataDir)).toBeUndefined();
  const listed = await runCommand(["key", "list", "--json"], env);
  expect((JSON.parse(listed.stdout) as { data: Key[] }).data).toHaveLength(4);
});

test("config check says that a file is good, or lists its problems and ends with 1", async () => {
  const directory = await temporaryDataDir();
  const good = join(directory, "good.yaml");
  const demo = await readFile(new URL("../../../config/demo.yaml", import.meta.url), "utf8");
  await writeFile(good, demo.replaceAll(/\$\{SPILLWAY_DEMO_\w+\}/g, "http://127.0.0.1:9/v1"));
  expect(await runCommand(["config", "check", good])).toMatchObject({
    code: 0,
    stdout: `${good} is valid: 3 providers, 2 models\n`,
    stderr: "",
  });
  await writeFile(join(directory, "spillway.yaml"), "providers:\n  a: { location: moon }\nx: 1\n");
  const bad = await runCommand(["config", "check"], {}, directory);
  expect(bad).toMatchObject({ code: 1, stdout: "" });
  expect(bad.stderr.trimEnd().split("\n")).toEqual([
    "spillway.yaml:1:1 models: is required",
    expect.stringMatching(/^spillway\.yaml:2:\d+ providers\.a\.base_url: /),
    expect.stringMatching(/^spillway\.yaml:2:\d+ providers\.a\.slots: /),
    expect.stringMatching(/^spillway\.yaml:2:\d+ providers\.a\.location: /),
    "spillway.yaml:3:1 x: unknown key",
  ]);
  const missing = await runCommand(["config", "check", "none.yaml"], {}, directory);
  expect(missing).toMatchObject({
    code: 1,
    stderr: "none.yaml:1:1: cannot be read: no such file\n",
  });
});

test("simulate runs an upstream until it is told to stop", async () => {
  const simulator = startCommand(["simulate", "gpu", "--slots", "2"]);
  await eventually(() => expect(simulator.stdout()).toContain("\n"));
  const url = /simulated gpu with 2 slots at (\S+)\n/.exec(simulator.stdout())?.[1] ?? "";
  const models = await fetch(`${url}/models`);
  expect(models.status).toBe(200);
  simulator.signalGroup("SIGINT");
  expect(await simulator.ended).toMatchObject({ code: 0, stderr: "" });
});

test.each([
  [[], ["serve", "config", "key", "simulate"]],
  [["serve"], ["DATABASE_URL"]],
  [
    ["key", "create"],
    ["--name", "--budget-usd", "--budget-period", "--residency"],
  ],
])("%j --help explains itself", async (words, expected) => {
  const { code, stdout, stderr } = await runCommand([...words, "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const word of expected) expect(stdout).toContain(word);
});

const refusesToConnect = (): never => {
  throw new Error("help needs no database");
};
const commands = {
  config: configCommand({ ...process, lookup: () => undefined }),
  key: keyCommand({ ...process, connect: refusesToConnect }),
  simulate: simulateCommand(process),
};

// These run without a process: the tests above show that words lead to a command's help.
test.each([
  ["config", undefined, ["check", "schema"]],
  ["config", "check", ["[file]"]],
  ["key", undefined, ["create", "list", "update", "revoke"]],
  ["key", "update", ["--no-budget", "--all-models"]],
  ["key", "revoke", ["<id>"]],
  ["simulate", undefined, ["--slots", "--ttft-ms", "--tokens-per-second"]],
] as const)("the help of %s %s names what it takes", (name, subcommand, expected) => {
  const outer = commands[name];
  const inner = outer.commands.find((candidate) => candidate.name() === subcommand);
  const help = (subcommand === undefined ? outer : inner)?.helpInformation() ?? "";
  for (const word of expected) expect(help).toContain(word);
});

test.each([
  [["bogus"], /^error: unknown command 'bogus'/],
  [["serve", "extra"], /^error: too many arguments/],
  [["key", "destroy"], /^error: unknown command 'destroy'/],
  [["key", "create"], /^error: required option '--name <name>' not specified/],
  [["simulate", "tpu"], /Allowed choices are gpu, cloud/],
])("%j is refused in a sentence", async (words, expected) => {
  const { code, stdout, stderr } = await runCommand(words);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(expected);
});
