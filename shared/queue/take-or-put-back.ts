import { setTimeout as sleep } from "node:timers/promises";
import { DelayedError, WaitingError, type Job } from "bullmq";
import type { Entry } from "../contracts/entry.ts";
import type { TakeEntry } from "./queue-backend.ts";

/**
 * Without this pause, an entry that nobody can take now would be taken and put back continuously.
 */
const PUT_BACK_PAUSE_MS = 50;

/** Runs a `TakeEntry` as BullMQ's processor. */
export async function takeOrPutBack(
  take: TakeEntry,
  job: Job<Entry, void>,
  token: string | undefined,
): Promise<void> {
  const taken = await take(job.data);
  if (taken === "taken") return;
  if (taken !== "not_now") {
    await job.moveToDelayed(Date.now() + taken.afterMs, token);
    throw new DelayedError();
  }
  await sleep(PUT_BACK_PAUSE_MS);
  await job.moveToWait(token);
  throw new WaitingError();
}
