import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { callAdmin, createKey } from "./admin.ts";
import { type BrokerProcess, serveUntil, startBroker } from "./broker-process.ts";
import { isPostgres, killPostgres, lookInto, postmasterOf, usedDataDir } from "./data-dir.ts";
import { chat, startUpstreams, type Upstreams, writeConfig } from "./own-config.ts";

const REQUESTS = 30;
/** Answers take about 400 ms and fill two rounds of the slots: some kills hit each of them. */
const PACE = { ttftMs: 150, tokensPerSecond: 40, outputTokens: 10 };
const LATEST_KILL_MS = 1_000;

/** With a given seed, a run repeats the offsets of an earlier one. */
const seed = Number(process.env["SPILLWAY_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** There is one kill in each quarter of the time. */
const offsets = [0, 1, 2, 3].map((quarter) =>
  Math.round(((quarter + randomOf(seed, quarter)) * LATEST_KILL_MS) / 4),
);
console.log(`Kill offsets ${offsets.join(", ")} ms of SPILLWAY_TEST_SEED=${seed}`);

/** The number is between 0 and 1. */
function randomOf(of: number, index: number): number {
  return createHash("sha256").update(`${of} ${index}`).digest().readUInt32BE() / 2 ** 32;
}

function isWhole({ status, text }: Awaited<ReturnType<typeof chat>>): boolean {
  return status === 200 && (text.endsWith("data: [DONE]\n\n") || text.startsWith("{"));
}

describe.runIf(process.platform === "linux")("SIGKILL under load, then start again", () => {
  const resources = new AsyncDisposableStack();
  const atEnd = resources.defer.bind(resources);
  let dataDir: string;
  let upstreams: Upstreams;
  /** The broker that one test has started again is the one that the next test kills. */
  let broker: BrokerProcess;
  const start = async (): Promise<BrokerProcess> =>
    startBroker(
      { SPILLWAY_DATA_DIR: dataDir, SPILLWAY_CONFIG: await writeConfig(dataDir, upstreams) },
      serveUntil(atEnd),
    );
  beforeAll(async () => {
    dataDir = await usedDataDir(atEnd);
    upstreams = await startUpstreams(PACE, atEnd);
    broker = await start();
  });
  afterAll(() => resources.disposeAsync());

  test.each(
    offsets.map((offsetMs, index) => ({
      offsetMs,
      killed: index % 2 === 0 ? "the broker and PostgreSQL" : "the broker alone",
    })),
  )("$killed, $offsetMs ms after the first request", async ({ offsetMs, killed }) => {
    const postgresToo = killed.includes("PostgreSQL");
    const first = broker;
    const { id, key } = await createKey(first, {
      name: "budgeted",
      budget: { limit_usd: "1", period: "total" },
    });
    const postmaster = postmasterOf(dataDir) ?? 0;
    const begun = performance.now();
    const answers = Promise.allSettled(
      Array.from({ length: REQUESTS }, (_, index) =>
        chat(first.url, key, { stream: index % 2 === 0, max_tokens: 10 }),
      ),
    );
    await sleep(offsetMs - (performance.now() - begun));
    first.signalGroup("SIGKILL");
    if (postgresToo) await killPostgres(postmaster);
    await first.ended;
    expect(isPostgres(postmaster)).toBe(!postgresToo);
    const seen = await answers;

    const second = await start();
    broker = second;
    if (!postgresToo) expect(postmasterOf(dataDir)).toBe(postmaster);
    const database = lookInto(dataDir);
    // An API process counts as alive for 2 s after its last beat.
    await eventually(
      async () => {
        expect(await findDifferences({ database, upstreams })).toEqual([]);
      },
      30_000,
      200,
    );
    const path = `/admin/keys/${id}`;
    const { budget } = await callAdmin<{ budget: { held_usd: string } }>(second, "GET", path);
    expect(budget.held_usd).toBe("0");
    const { rows } = await database.pool.query<{ id: string; state: string }>(
      "select id, state from jobs",
    );
    const states = new Map(rows.map((row) => [row.id, row.state]));
    for (const answer of seen)
      if (answer.status === "fulfilled" && isWhole(answer.value))
        expect(states.get(answer.value.job ?? "")).toBe("done");

    expect((await chat(second.url, key)).status).toBe(200);
    expect((await chat(second.url, key, { stream: true })).text).toContain("[DONE]");
  });

  test("the last one ends in order", async () => {
    broker.child.kill("SIGTERM");
    expect(await broker.ended).toMatchObject({ code: 0 });
    expect(postmasterOf(dataDir)).toBeUndefined();
  });
});
