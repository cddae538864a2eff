import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";

const POLL_MS = 250;

/**
 * Waits until no job waits or runs and no attempt is open. Returns a line about what is left when
 * the time is over.
 */
export async function waitForRest(pool: Pool, withinMs: number): Promise<string[]> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const { rows } = await pool.query<{ jobs: string; attempts: string }>(
      `select (select count(*) from jobs where state in ('waiting', 'running'))::text as jobs,
        (select count(*) from attempts)::text as attempts`,
    );
    const { jobs = "?", attempts = "?" } = rows[0] ?? {};
    if (jobs === "0" && attempts === "0") return [];
    if (performance.now() > untilMs)
      return [`not at rest after ${withinMs} ms: ${jobs} open jobs, ${attempts} open attempts`];
    await sleep(POLL_MS);
  }
}
