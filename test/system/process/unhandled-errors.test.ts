import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../broker/ask.ts";
import { startFleet, type Fleet } from "../fleet/fleet.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { type CommandProcess, startBroker } from "./broker-process.ts";
import { temporaryDataDir } from "./data-dir.ts";

const raise = fileURLToPath(new URL("./preload/raise-on-signal.ts", import.meta.url));
const mistaken = { NODE_OPTIONS: `--import=${raise}` };

let databases: TestDatabase[];
let redis: TestRedis;
let fleet: Fleet;
beforeAll(async () => {
  databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
  redis = await startTestRedis();
  fleet = await startFleet({
    databaseUrl: databases[0]?.url ?? "",
    redisUrl: redis.url,
    providers: { gpu: { slots: 4 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
  await Promise.all(databases.map((database) => database.drop()));
});

type Counts = Readonly<Record<"rejection" | "exception", number>>;

async function counted(url: string): Promise<Counts> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = (kind: string): number =>
    Number(
      new RegExp(`^spillway_unhandled_errors_total\\{kind="${kind}"\\} (\\d+)`, "m").exec(
        text,
      )?.[1],
    );
  return { rejection: of("rejection"), exception: of("exception") };
}

function lines({ stdout }: Pick<CommandProcess, "stdout">): Record<string, unknown>[] {
  return stdout()
    .split("\n")
    .filter((line) => line.includes("nobody handled"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/**
 * The process makes one mistake after the other. It logs each once with its stack, counts it, and
 * survives it.
 */
async function outlivesMistakes(process: CommandProcess & { readonly url: string }): Promise<void> {
  expect(await counted(process.url)).toEqual({ rejection: 0, exception: 0 });
  const expected = [
    ["rejection", "nobody awaits this", { rejection: 1, exception: 0 }],
    ["exception", "nobody listens to this", { rejection: 1, exception: 1 }],
    ["exception", "thrown in a callback", { rejection: 1, exception: 2 }],
  ] as const;
  for (const [index, [kind, words, counts]] of expected.entries()) {
    process.child.kill("SIGUSR2");
    await eventually(async () => expect(await counted(process.url)).toEqual(counts));
    await eventually(() => expect(lines(process)).toHaveLength(index + 1));
    const line = lines(process)[index];
    expect(line).toMatchObject({ level: 50, kind, times: 1 });
    expect(line?.["stack"]).toMatch(new RegExp(`^Error: ${words}\n +at .*raise-on-signal`));
  }
  expect(process.stdout()).not.toContain("a prompt");
  expect(process.child.exitCode).toBeNull();
}

test("mistakes that nobody handles end neither an API nor a worker", async () => {
  const [api, worker] = await Promise.all([
    fleet.startApi(mistaken),
    fleet.startWorker({ ...mistaken, SPILLWAY_PORT: "0" }),
  ]);
  const url = /health at (\S+)/.exec(worker.stdout())?.[1] ?? "";
  await Promise.all([outlivesMistakes(api), outlivesMistakes({ ...worker, url })]);
  expect((await ask(api, { key: await fleet.key() })).status).toBe(200);
  for (const { child, ended } of [api, worker]) {
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0, signal: null });
  }
});

test("a broker in one process outlives them, too; a loop of them ends it, with a sentence", async () => {
  const broker = await startBroker({
    ...mistaken,
    DATABASE_URL: databases[1]?.url ?? "",
    SPILLWAY_DATA_DIR: await temporaryDataDir(),
    SPILLWAY_CONFIG: fleet.env["SPILLWAY_CONFIG"] ?? "",
  });
  await outlivesMistakes(broker);
  broker.child.kill("SIGUSR2");
  const ended = await broker.ended;
  expect(ended).toMatchObject({ code: 1, signal: null });
  const sentence = "1000 errors that nobody handled within a minute";
  expect(ended.stderr).toBe(`spillway: ${sentence}\nStopped.\n`);
  const fatal = broker.log().filter(({ level }) => level === 60);
  expect(fatal).toMatchObject([{ msg: `${sentence}: the process ends` }]);
  expect(lines(broker).length).toBeLessThan(10);
});
