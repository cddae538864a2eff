import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerClient } from "../client/broker-client.ts";
import { readAnswer } from "../client/read-answer.ts";
import { BatchPace } from "./batch-pace.ts";
import { batchPath, batchSchema, endOf, type Batch } from "./batch.ts";
import { keepTrying, type Patience } from "./keep-trying.ts";
import type { Progress } from "./progress.ts";

export interface PollTimes {
  readonly minPollMs: number;
  readonly maxPollMs: number;
}

interface Watch extends Omit<Patience, "patienceMs" | "say">, PollTimes {
  readonly client: BrokerClient;
  readonly progress: Progress;
}

/** Polls until a batch has ended, however long the broker is away meanwhile. */
export async function watchBatch(id: string, watch: Watch): Promise<Batch> {
  const { client, progress, signal, minPollMs, maxPollMs } = watch;
  const patience = {
    ...watch,
    say: (text: string) => progress.say(text),
    patienceMs: Number.POSITIVE_INFINITY,
  };
  const pace = new BatchPace();
  const startedAt = performance.now();
  let pausedFor = "";
  for (;;) {
    const batch = await keepTrying(async () => {
      const response = await client(batchPath(id), { signal });
      return await readAnswer(response, batchSchema);
    }, patience);
    const now = performance.now();
    if (endOf(batch) !== null) return batch;
    progress.show(pace.view(batch, now));
    const why = pauseText(batch);
    if (why !== "" && why !== pausedFor) progress.say(why);
    pausedFor = why;
    // The longer a batch takes, the less often it is worth asking.
    const pollMs = Math.min(maxPollMs, Math.max(minPollMs, (now - startedAt) / 10));
    await sleep(pollMs, undefined, { signal });
  }
}

function pauseText({ id, paused }: Batch): string {
  if (paused === null) return "";
  const raise =
    paused.reason === "max_cost_usd"
      ? ` To let it go on: spillway batch raise ${id} --max-cost-usd AMOUNT`
      : "";
  return `paused: ${paused.message}${raise}`;
}
