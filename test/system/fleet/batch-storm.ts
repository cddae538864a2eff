import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import type { Result } from "../batches/batch-rig.ts";
import { lines } from "../batches/batch-rig.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import type { ApiProcess, Fleet } from "./fleet.ts";

export interface BatchStormOptions {
  readonly fleet: Fleet;
  readonly redis: TestRedis;
  readonly key: string;
  readonly lines: number;
  /** Each fault comes this long after the last one, or later when a repair takes longer. */
  readonly everyMs: number;
  /** Further batches follow until faults of so many kinds came, however slow the repairs are. */
  readonly kinds: number;
}

interface StormBatch {
  readonly batch: Batch;
  /** The results are in the order of their file. */
  readonly output: readonly Result[];
  readonly errors: readonly Result[];
}

export interface BatchStorm {
  readonly batches: readonly StormBatch[];
  /** Faults are counted by kind. */
  readonly faults: Readonly<Record<string, number>>;
}

const WORKERS = 2;

/**
 * Runs batches, one after the other, while a worker is killed, Redis is wiped, the API is killed
 * and Redis is killed, in turn. Starts the fleet's processes, which end with the test.
 */
export async function runBatchStorm(options: BatchStormOptions): Promise<BatchStorm> {
  const { fleet, redis, everyMs } = options;
  let api: ApiProcess = await fleet.startApi();
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => fleet.startWorker()));
  // The API comes back at the same address; the client retries until then.
  const client = new OpenAI({ apiKey: options.key, baseURL: api.baseUrl, maxRetries: 20 });
  const faults: Record<string, number> = {};
  let isOver = false;
  let repaired: Promise<unknown> = Promise.resolve();
  const storm = (async () => {
    for (let turn = 0; ; turn++) {
      await Promise.all([sleep(everyMs), repaired]);
      if (isOver) return;
      const [name, doIt] = faultOf(turn);
      faults[name] = (faults[name] ?? 0) + 1;
      repaired = doIt();
    }
  })();

  function faultOf(turn: number): readonly [string, () => Promise<unknown>] {
    const at = Math.floor(turn / 2) % WORKERS;
    if (turn % 2 === 0) return ["worker killed", () => restartWorker(at)];
    const others = [
      ["Redis wiped", () => redis.wipe()],
      ["API killed", restartApi],
      ["Redis killed", () => redis.kill().then(() => redis.restart())],
    ] as const;
    return others[Math.floor(turn / 2) % others.length] ?? others[0];
  }
  async function restartWorker(at: number): Promise<void> {
    await kill(workers[at]);
    workers[at] = await again(() => fleet.startWorker());
  }
  async function restartApi(): Promise<void> {
    await kill(api);
    const port = new URL(api.url).port;
    api = await again(() => fleet.startApi({ SPILLWAY_PORT: port }));
  }

  const batches: StormBatch[] = [];
  do batches.push(await runBatch(client, options.lines));
  while (Object.keys(faults).length < options.kinds);
  isOver = true;
  await storm;
  return { batches, faults };
}

async function runBatch(client: OpenAI, count: number): Promise<StormBatch> {
  const input = `${lines(count, { text: "[sim echo]" }).join("\n")}\n`;
  const file = await client.files.create({
    file: await toFile(Buffer.from(input), "storm.jsonl"),
    purpose: "batch",
  });
  let batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  while (batch.completed_at === null) {
    await sleep(200);
    batch = await client.batches.retrieve(batch.id);
    if (batch.failed_at ?? batch.expired_at ?? batch.cancelled_at) break;
  }
  const results = async (id: string | null | undefined): Promise<Result[]> => {
    if (id == null) return [];
    const text = await (await client.files.content(id)).text();
    const found = text.split("\n").filter((line) => line !== "");
    return found.map((line) => JSON.parse(line) as Result);
  };
  return {
    batch,
    output: await results(batch.output_file_id),
    errors: await results(batch.error_file_id),
  };
}

async function kill(process: CommandProcess | undefined): Promise<void> {
  process?.child.kill("SIGKILL");
  await process?.ended;
}

/**
 * A process that starts while Redis is away ends at once; an operator's supervisor would start it
 * again.
 */
async function again<Started>(start: () => Promise<Started>): Promise<Started> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (tries === 10) throw error;
      await sleep(200);
    }
  }
}
