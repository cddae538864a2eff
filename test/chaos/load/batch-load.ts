import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import { line, type Result, type ShownBatch } from "../../system/batches/batch-rig.ts";
import type { ChaosFleet, KeyName } from "../fleet/chaos-fleet.ts";
import type { SeededRandom } from "../seeded-random.ts";

/** The record of one batch's owner. */
export interface BatchRecord {
  /** The batch's last status, or `not made` when no broker accepted it. */
  readonly ending: string;
  /** Problems of its results. */
  readonly problems: readonly string[];
}

export interface BatchLoadOptions {
  readonly fleet: Pick<ChaosFleet, "apiUrls" | "keys">;
  readonly random: SeededRandom;
  /** No batch begins after this. */
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
/** This time after the load's end covers all outages of the broker meanwhile. */
const PATIENCE_MS = 120_000;
const KEY_WEIGHTS = { free: 5, local: 2, budgeted: 2, poor: 1 } as Record<KeyName, number>;

/** Runs a few batches at once until `ended`. Resolves when all of them have ended. */
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
    key: random.weighted(KEY_WEIGHTS),
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
    // Nobody raises a spent budget, so the batch would stay paused.
    const isStuck = batch.paused !== null && ended.aborted;
    if (isStuck || (mayCancel && now - begunAt > (cancelAfterMs ?? 0))) {
      await client.batches.cancel(batch.id).catch(() => undefined);
      mayCancel = false;
    }
    batch = (await client.batches.retrieve(batch.id).catch(() => batch)) as ShownBatch;
    if (batch.failed_at ?? batch.completed_at ?? batch.cancelled_at ?? batch.expired_at) break;
    await sleep(200);
  }
  return { ending: batch.status, problems: await problemsOf(client, batch, lines) };
}

/** Checks that each line has exactly one result, and that its answer is its own. */
async function problemsOf(
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
  const ids = lines.map((text) => (JSON.parse(text) as { custom_id: string }).custom_id);
  const resultIds = [...output, ...errors].map((result) => result.custom_id);
  const problems: string[] = [];
  // A batch that was cancelled while its file was read has no lines.
  const isUnread = batch.status === "cancelled" && batch.in_progress_at == null;
  if (!isUnread && resultIds.toSorted().join() !== ids.toSorted().join())
    problems.push(`${batch.id} has ${resultIds.length} results for ${ids.length} lines`);
  for (const { custom_id: id, response } of output)
    if (!JSON.stringify(response?.body).includes(`[${id}]`))
      problems.push(`${batch.id}: the answer of ${id} is another's`);
  const { completed, failed } = batch.request_counts ?? {};
  if (completed !== output.length || failed !== errors.length)
    problems.push(`${batch.id} counts ${completed} and ${failed}`);
  return problems;
}
