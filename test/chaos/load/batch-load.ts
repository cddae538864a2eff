import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import { line, type Result, type ShownBatch } from "../../system/batches/batch-rig.ts";
import type { ChaosFleet, KeyName } from "../fleet/chaos-fleet.ts";
import type { SeededRandom } from "../seeded-random.ts";

/** What the owner of one batch saw. */
export interface BatchRecord {
  /** How it ended; `not made`, when nobody took it. */
  readonly ending: string;
  /** What was wrong with its results. */
  readonly problems: readonly string[];
}

export interface BatchLoadOptions {
  readonly fleet: Pick<ChaosFleet, "apiUrls" | "keys">;
  readonly random: SeededRandom;
  /** No batch begins after it. */
  readonly ended: AbortSignal;
  readonly interrupted: AbortSignal;
}

interface Plan {
  readonly key: KeyName;
  readonly api: "api-1" | "api-2";
  readonly lines: readonly string[];
  readonly overflow: boolean;
  readonly cancelAfterMs: number | undefined;
}

const MOST_AT_ONCE = 3;
const LINES = 80;
const RETRIES = 12;
/** After the last one has begun, for all of the broker that is away meanwhile. */
const PATIENCE_MS = 120_000;
const keyWeights = { free: 5, local: 2, budgeted: 2, poor: 1 } as Record<KeyName, number>;

/** A few batches at once, until the end; resolves when all of them have ended. */
export async function runBatchLoad(options: BatchLoadOptions): Promise<BatchRecord[]> {
  const { random, ended } = options;
  const records: BatchRecord[] = [];
  const one = async (): Promise<void> => {
    for (let at = 0; !ended.aborted; at++)
      records.push(await runBatch(plan(random, `${random.int(0, 2 ** 30)}.${at}`), options));
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, one));
  return records;
}

function plan(random: SeededRandom, name: string): Plan {
  const refused = random.int(0, LINES - 1);
  return {
    key: random.weighted(keyWeights),
    api: random.chance(0.5) ? "api-1" : "api-2",
    lines: Array.from({ length: LINES }, (_, index) => {
      const id = `${name}.${index}`;
      const model = index === refused ? "no such model" : "chat";
      return line(id, { model, text: `[sim echo] [${id}]` });
    }),
    overflow: random.chance(0.5),
    cancelAfterMs: random.chance(0.25) ? random.int(0, 4_000) : undefined,
  };
}

async function runBatch(
  { key, api, lines, overflow, cancelAfterMs }: Plan,
  { fleet, ended, interrupted }: BatchLoadOptions,
): Promise<BatchRecord> {
  const client = new OpenAI({
    apiKey: fleet.keys[key],
    baseURL: `${fleet.apiUrls[api]}/v1`,
    maxRetries: RETRIES,
    timeout: 20_000,
  });
  let batch: ShownBatch;
  try {
    const file = await toFile(Buffer.from(lines.join("\n")), "chaos.jsonl");
    const input = await client.files.create({ file, purpose: "batch" });
    batch = (await client.batches.create({
      input_file_id: input.id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
      metadata: { overflow: overflow ? "if_saturated" : "never" },
    })) as ShownBatch;
  } catch (error) {
    return { ending: `not made (${String(error).slice(0, 60)})`, problems: [] };
  }
  const begunAt = performance.now();
  let endedAt: number | undefined;
  let mayCancel = cancelAfterMs !== undefined;
  for (;;) {
    if (interrupted.aborted) return { ending: "interrupted", problems: [] };
    const now = performance.now();
    if (ended.aborted) endedAt ??= now;
    if (endedAt !== undefined && now - endedAt > PATIENCE_MS)
      return { ending: `still ${batch.status}`, problems: [`${batch.id} has not ended`] };
    // Nobody raises what is spent for ever.
    const isStuck = batch.paused !== null && ended.aborted;
    if (isStuck || (mayCancel && now - begunAt > (cancelAfterMs ?? 0))) {
      await client.batches.cancel(batch.id).catch(() => undefined);
      mayCancel = false;
    }
    batch = (await client.batches.retrieve(batch.id).catch(() => batch)) as ShownBatch;
    if (batch.failed_at ?? batch.completed_at ?? batch.cancelled_at ?? batch.expired_at) break;
    await sleep(200);
  }
  return { ending: batch.status, problems: await flawsOf(client, batch, lines) };
}

/** Each line stands in the files once, and its answer is its own. */
async function flawsOf(
  client: OpenAI,
  batch: ShownBatch,
  lines: readonly string[],
): Promise<string[]> {
  const read = async (file: string | null | undefined): Promise<Result[]> => {
    if (file == null) return [];
    const text = await (await client.files.content(file)).text();
    return text
      .split("\n")
      .filter((found) => found !== "")
      .map((found) => JSON.parse(found) as Result);
  };
  const output = await read(batch.output_file_id);
  const errors = await read(batch.error_file_id);
  const asked = lines.map((text) => (JSON.parse(text) as { custom_id: string }).custom_id);
  const told = [...output, ...errors].map((result) => result.custom_id);
  const problems: string[] = [];
  // One that was cancelled while its file was read has no lines.
  const isUnread = batch.status === "cancelled" && batch.in_progress_at == null;
  if (!isUnread && told.toSorted().join() !== asked.toSorted().join())
    problems.push(`${batch.id} has ${told.length} results for ${asked.length} lines`);
  for (const { custom_id: id, response } of output)
    if (!JSON.stringify(response?.body).includes(`[${id}]`))
      problems.push(`${batch.id}: the answer of ${id} is another's`);
  const { completed, failed } = batch.request_counts ?? {};
  if (completed !== output.length || failed !== errors.length)
    problems.push(`${batch.id} counts ${completed} and ${failed}`);
  return problems;
}
