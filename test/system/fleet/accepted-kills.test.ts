import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askedLater, type Way } from "../failpoints/asked-later.ts";
import type { Asked } from "../failpoints/asked.ts";
import { expectTold } from "../failpoints/expect-told.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startAcceptedFleet, type AcceptedFleet } from "./accepted-fleet.ts";

const JOBS_A_SECOND = 8;
const LOAD_MS = 9_000;
const KILL_EVERY_MS = 1_800;
const ways: readonly Way[] = ["async", "background", "stream", "async stream", "keyed"];

let rig: AcceptedFleet;
let workers: CommandProcess[];
beforeAll(async () => {
  const provider = { slots: 6, ttftMs: 20, tokensPerSecond: 60 };
  rig = await startAcceptedFleet({
    providers: { "gpu-a": provider, "gpu-b": provider },
    models:
      "  chat: { serve: [{ provider: gpu-a, model: a }, { provider: gpu-b, model: b }], max_attempts: 10 }",
  });
  const { startWorker } = rig.fleet.lasting;
  [workers] = await Promise.all([
    Promise.all([startWorker(), startWorker(), startWorker()]),
    rig.startApis({ lasting: true }),
  ]);
});
afterAll(() => rig.stop());

function ask(index: number, words: number): Promise<Asked & { way: Way }> {
  const way = ways[index % ways.length] ?? "async";
  const [one, two] = rig.apis;
  // A caller who loses one API goes to the other.
  const [first, ...others] = index % 2 === 0 ? ([one, two] as const) : ([two, one] as const);
  const apis = [...others, first];
  return askedLater({ key: rig.key, apis }, first, { way, model: "chat", words }).then((asked) => ({
    ...asked,
    way,
  }));
}

/**
 * A worker that starts while Redis is away ends at once; an operator's supervisor would start it
 * again.
 */
async function startAgain(): Promise<CommandProcess> {
  for (let tries = 1; ; tries++) {
    try {
      return await rig.fleet.lasting.startWorker();
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}

test("accepted jobs end once, and are told, whatever dies meanwhile", async () => {
  const { redis } = rig;
  const asks: ReturnType<typeof ask>[] = [];
  const startedAt = performance.now();
  const isOver = (): boolean => performance.now() - startedAt > LOAD_MS;
  const load = (async () => {
    for (let index = 0; !isOver(); index++) {
      asks.push(ask(index, 4 + (index % 9) * 8));
      await sleep(1_000 / JOBS_A_SECOND);
    }
  })();
  const kills = (async () => {
    // On a busy machine a new worker may take as long as the load.
    for (let count = 0; count < 3 || !isOver(); count++) {
      await sleep(KILL_EVERY_MS);
      const at = count % workers.length;
      workers[at]?.child.kill("SIGKILL");
      workers[at] = await startAgain();
    }
  })();
  await sleep(2_000);
  await rig.restartApi(0);
  await sleep(1_000);
  await redis.wipe();
  await sleep(1_500);
  await redis.kill();
  await redis.restart();
  await sleep(1_500);
  await rig.restartApi(1);
  await rig.database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name like 'spillway-%' and datname = current_database()`,
  );
  await load;
  const asked = await Promise.all(asks);
  await kills;
  const endings = Map.groupBy(asked, ({ way, ending }) => `${way}: ${ending}`);
  console.log([...endings].map(([ending, all]) => `${all.length} × ${ending}`).join(", "));
  for (const { way, ending, job } of asked) {
    // A stream whose worker dies cannot start again from its beginning.
    const ends = ["answer", ...(way === "stream" ? ["failed server_error"] : [])];
    expect({ job, way, ending: ends.includes(ending) ? "" : ending }).toMatchObject({ ending: "" });
  }
  expect(new Set(asked.map(({ job }) => job)).size).toBe(asked.length);
  await eventually(async () => expect(await findDifferences(rig)).toEqual([]), 30_000, 250);
  const { rows } = await rig.database.pool.query<{ id: string; state: string }>(
    "select id, state from jobs order by id",
  );
  expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(asked.map(({ job }) => job)));
  for (const state of await Promise.all(rig.apis.map(statesAt)))
    expect(state).toEqual(
      rows.map(({ id, state: is }) => ({ id, status: is === "done" ? "completed" : is })),
    );
  await expectTold(rig);
  for (const upstream of Object.values(rig.upstreams))
    expect(upstream.counters().highWater).toBeLessThanOrEqual(6);
});

test("an event log that is wiped in the middle ends with its end, and the whole text", async () => {
  const readers = Promise.all([2, 7, 12].map((index) => ask(index, 120)));
  await sleep(700);
  for (let wipes = 0; wipes < 3; wipes++) {
    await rig.redis.wipe();
    await sleep(300);
  }
  expect(await readers).toMatchObject(Array.from({ length: 3 }, () => ({ ending: "answer" })));
  await eventually(async () => expect(await findDifferences(rig)).toEqual([]), 30_000, 250);
});

/** Lists all jobs of the key as an API shows them, in their order. */
async function statesAt({ baseUrl }: { readonly baseUrl: string }) {
  const all: { id: string; status: string }[] = [];
  for (let after = ""; ;) {
    const answer = await fetch(`${baseUrl}/jobs?order=asc&limit=100${after}`, {
      headers: { authorization: `Bearer ${rig.key}` },
    });
    const page = (await answer.json()) as {
      data: { id: string; status: string }[];
      has_more: boolean;
      last_id: string;
    };
    all.push(...page.data.map(({ id, status }) => ({ id, status })));
    if (!page.has_more) return all;
    after = `&after=${page.last_id}`;
  }
}
