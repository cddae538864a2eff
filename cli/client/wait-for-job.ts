import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerClient } from "./broker-client.ts";
import { jobSchema, type Job } from "./job.ts";
import { mayPass } from "./may-pass.ts";
import { readAnswer } from "./read-answer.ts";

export interface WaitTimes {
  /** How long one request waits, in seconds. */
  readonly waitS: number;
  /** Pause after a request that failed. */
  readonly pauseMs: number;
  /** How long the broker may be away; jobs outlive its restarts. */
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
