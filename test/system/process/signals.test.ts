import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { programFile } from "../../support/programs.ts";
import { type BrokerProcess, startBroker, startProgram } from "./broker-process.ts";
import {
  isPostgres,
  postgresProcesses,
  postmasterOf,
  temporaryDataDir,
  usedDataDir,
} from "./data-dir.ts";
import { chat, inFlight, startUpstreams, writeConfig, type Upstreams } from "./own-config.ts";
import { createKey } from "./admin.ts";

async function startLoaded(
  ttftMs: number,
  program: "spillway" | "npm" = "spillway",
  given: { readonly DATABASE_URL?: string } = {},
): Promise<{ broker: BrokerProcess; dataDir: string; upstreams: Upstreams; key: string }> {
  const dataDir = await (given.DATABASE_URL === undefined ? usedDataDir() : temporaryDataDir());
  const upstreams = await startUpstreams({ ttftMs, outputTokens: 5 });
  const npm = program === "npm" ? await npmDirectory() : undefined;
  const broker = await startBroker(
    {
      SPILLWAY_DATA_DIR: dataDir,
      SPILLWAY_CONFIG: await writeConfig(dataDir, upstreams),
      ...given,
    },
    npm === undefined ? undefined : (env) => startProgram("npm", ["start"], env, npm),
  );
  const key = await createKey(broker, { name: "test" });
  return { broker, dataDir, upstreams, key: key.key };
}

/** A broker with this variable has no PostgreSQL to start and to stop. */
async function givenDatabase(): Promise<{ readonly DATABASE_URL: string }> {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  return { DATABASE_URL: database.url };
}

/** Waits for the first calls. On a busy machine those that came first may have ended by then. */
async function running(upstreams: Upstreams, calls: number): Promise<void> {
  await eventually(() => {
    const come = Object.values(upstreams).map(({ counters }) => counters().calls);
    expect(come.reduce((sum, more) => sum + more, 0)).toBeGreaterThanOrEqual(calls);
  });
}

const packages = new URL("../../../node_modules", import.meta.url);

/** Returns a directory where `npm start` runs the project's script, with the bundle as program. */
async function npmDirectory(): Promise<string> {
  const directory = await temporaryDataDir();
  const start = packageJson.scripts.start.replaceAll("cli/spillway.ts", programFile("spillway"));
  await writeFile(join(directory, "package.json"), JSON.stringify({ scripts: { start } }));
  // npm puts the programs of its packages, Node among them, on the PATH.
  await symlink(fileURLToPath(packages), join(directory, "node_modules"));
  return directory;
}

describe.runIf(process.platform === "linux")("while requests run", () => {
  test.each([
    ["Ctrl-C, a SIGINT to the whole process group,", "group", "SIGINT", "spillway"],
    ["a SIGTERM to the process alone", "process", "SIGTERM", "spillway"],
    ["Ctrl-C on npm start, which sends it on a second time,", "group", "SIGINT", "npm"],
    ["a SIGTERM to npm", "process", "SIGTERM", "npm"],
  ] as const)("%s lets them end and stops everything", async (_what, whom, signal, program) => {
    const { broker, dataDir, upstreams, key } = await startLoaded(1_500, program);
    const postmaster = postmasterOf(dataDir) ?? 0;
    const answers = [
      chat(broker.url, key),
      chat(broker.url, key, { stream: true }),
      chat(broker.url, key, { stream: true }),
    ];
    await running(upstreams, 3);
    if (whom === "group") broker.signalGroup(signal);
    else broker.child.kill(signal);
    // The requests need the database to settle.
    expect(isPostgres(postmaster)).toBe(true);
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
    expect((await answers[1])?.text).toMatch(/data: \[DONE\]\n\n$/);
    const ended = await broker.ended;
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.stderr).toMatch(/^Stopping: .*\nStopped\.\n$/m);
    expect(postgresProcesses(postmaster)).toEqual([]);
    expect(postmasterOf(dataDir)).toBeUndefined();
  });

  test("new requests are refused with 503, or find nobody, during the stop", async () => {
    const { broker, upstreams, key } = await startLoaded(1_500, "spillway", await givenDatabase());
    const answer = chat(broker.url, key);
    await running(upstreams, 1);
    broker.child.kill("SIGTERM");
    await eventually(() => expect(broker.stderr()).toContain("Stopping"));
    await eventually(async () => {
      const status = await chat(broker.url, key).then(
        (late) => late.status,
        () => "refused",
      );
      expect(["refused", 503]).toContain(status);
    });
    expect((await answer).status).toBe(200);
    expect(await broker.ended).toMatchObject({ code: 0 });
  });

  test("a second Ctrl-C cuts them short, and what they held is free", async () => {
    const { broker, dataDir, upstreams, key } = await startLoaded(60_000);
    const answers = [chat(broker.url, key), chat(broker.url, key, { stream: true })];
    const outcomes = Promise.allSettled(answers);
    await running(upstreams, 2);
    broker.signalGroup("SIGINT");
    await eventually(() => expect(broker.stderr()).toContain("Stopping"));
    const cutAtMs = performance.now();
    // npm sends two signals at once for one Ctrl-C; a user who insists takes a moment.
    const insist = setInterval(() => broker.signalGroup("SIGINT"), 300);
    await eventually(() => expect(inFlight(upstreams)).toBe(0)).finally(() =>
      clearInterval(insist),
    );
    // In 10 s they would have been cut anyway.
    expect(performance.now() - cutAtMs).toBeLessThan(9_000);
    // The broker's database still has to end: this signal also comes during an orderly end.
    broker.signalGroup("SIGINT");
    const ended = await broker.ended;
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.stderr).toMatch(/Stopped\.\n$/);
    for (const outcome of await outcomes)
      expect(outcome.status === "fulfilled" ? outcome.value.status : 0).not.toBe(200);
    expect(postmasterOf(dataDir)).toBeUndefined();
  });

  test("the grace time is bounded: what runs longer is cut and settled", async () => {
    const { broker, upstreams, key } = await startLoaded(60_000, "spillway", await givenDatabase());
    const outcome = chat(broker.url, key);
    await running(upstreams, 1);
    broker.child.kill("SIGTERM");
    const cutAtMs = performance.now();
    expect((await outcome).status).toBeGreaterThanOrEqual(400);
    expect(await broker.ended).toMatchObject({ code: 0 });
    expect(performance.now() - cutAtMs).toBeGreaterThan(9_000);
    expect(performance.now() - cutAtMs).toBeLessThan(40_000);
  });
});
