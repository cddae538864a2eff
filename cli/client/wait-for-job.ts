import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerClient } from "./broker-client.ts";
import { jobSchema, type Job } from "./job.ts";
import { mayPass } from "./fetch-failure.ts";
import { readAnswer } from "./read-answer.ts";

export interface WaitTimes {
  /** How long the broker holds one request open, in seconds. */
  readonly waitS: number;
  /** The pause after a failed request. */
  readonly pauseMs: number;
  /** How long the broker may be away; jobs survive its restarts. */
  readonly patienceMs: number;
}

/** Asks until the job has ended. Rejects with `RequestError` when the broker stays away. */
export async function waitForJob(
  client: BrokerClient,
  path: string,
  times: WaitTimes,
): Promise<Job> {
  let lastAnswerAt = performance.now();
  for (;;) {
    try {
      const response = await client(`${path}?wait=${times.waitS}`);
      const job = await readAnswer(response, jobSchema);
      if (job.completed_at !== null) return job;
      lastAnswerAt = performance.now();
    } catch (error) {
      if (!mayPass(error) || performance.now() - lastAnswerAt > times.patienceMs) throw error;
      await sleep(times.pauseMs);
    }
  }
}
