import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import { line, type Result, type ShownBatch } from "../batches/batch-rig.ts";
import type { Asked } from "./asked.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";

export interface BatchQuestion {
  /** The file has a line that is not JSON. */
  readonly isBroken?: boolean;
  /** The batch's own cap does not cover a line; it is raised as soon as the batch is paused. */
  readonly isCapped?: boolean;
  /** The batch's time is nearly up. */
  readonly isUrgent?: boolean;
  /** The batch is cancelled as soon as a line runs. */
  readonly isCancelled?: boolean;
}

const LINES = 5;
const ids = [...Array.from({ length: LINES }, (_, index) => `r${index}`), "unknown model"];

/**
 * Makes a batch of five lines and one that cannot be run, and returns how that ended. `answer`:
 * each line is in the result files exactly once, and has its own answer. A broken file ends with
 * its error's code.
 */
export async function askedBatch(
  { key, apis, database }: SurvivingFleet,
  question: BatchQuestion,
): Promise<Asked> {
  const client = new OpenAI({ apiKey: key, baseURL: apis[0]?.baseUrl, maxRetries: 5 });
  const model = "plain";
  const lines = ids.map((id) =>
    line(id, { model: id.startsWith("r") ? model : id, text: `[sim echo] ${id}` }),
  );
  if (question.isBroken === true) lines.push("{");
  const file = await client.files.create({
    file: await toFile(Buffer.from(lines.join("\n")), "input.jsonl"),
    purpose: "batch",
  });
  const metadata = question.isCapped === true ? { max_cost_usd: "0.000001" } : null;
  const { id } = await client.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    metadata,
  });
  if (question.isUrgent === true)
    await database.pool.query("update batches set urgent_at = now() where id = $1", [id]);
  for (let cap = question.isCapped === true, cancel = question.isCancelled === true; ;) {
    const batch = (await client.batches.retrieve(id)) as ShownBatch;
    if (batch.failed_at ?? batch.completed_at ?? batch.cancelled_at) {
      const ending = await endingOf(client, batch, question);
      return { job: undefined, ending };
    }
    if (cap && batch.paused !== null) {
      await client.post(`/batches/${id}`, { body: { metadata: { max_cost_usd: "1" } } });
      cap = false;
    }
    if (cancel && (await isRunning(database.pool))) {
      await client.batches.cancel(id);
      cancel = false;
    }
    await sleep(50);
  }
}

async function isRunning(pool: SurvivingFleet["database"]["pool"]): Promise<boolean> {
  const { rows } = await pool.query("select from attempts limit 1");
  return rows.length > 0;
}

async function endingOf(
  client: OpenAI,
  batch: Batch,
  { isCancelled }: BatchQuestion,
): Promise<string> {
  if (batch.status === "failed") return `failed ${batch.errors?.data?.[0]?.code}`;
  const output = await results(client, batch.output_file_id);
  const errors = await results(client, batch.error_file_id);
  const found = [...output, ...errors].map((result) => result.custom_id);
  if (found.toSorted().join() !== ids.toSorted().join()) return `lines ${found.join()}`;
  const foreign = output.find(
    (result) => !JSON.stringify(result.response?.body).includes(`] ${result.custom_id}"`),
  );
  if (foreign !== undefined) return `wrong answer ${JSON.stringify(foreign)}`;
  if (isCancelled === true) return batch.status;
  return output.length === LINES ? "answer" : `errors ${JSON.stringify(errors)}`;
}

async function results(client: OpenAI, file: string | null | undefined): Promise<Result[]> {
  if (file == null) return [];
  const text = await (await client.files.content(file)).text();
  const lines = text.split("\n").filter((found) => found !== "");
  return lines.map((found) => JSON.parse(found) as Result);
}
