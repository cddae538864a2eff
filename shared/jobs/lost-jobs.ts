import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/**
 * Records that a job's connection is lost, and that the retry of the caller's SDK may come for it.
 */
export async function recordLost(pool: Query, job: string, waiter: string): Promise<void> {
  await pool.query(statement("record_lost_job", "select record_lost_jobs($1, $2)", [job, waiter]));
}

/** Records that a dead API process has lost the connections of its accepted jobs. */
export async function recordAllLost(pool: Query, waiter: string): Promise<void> {
  await pool.query(statement("record_lost_jobs", "select record_lost_jobs(null, $1)", [waiter]));
}

/** Ends the interactive jobs of a dead API process, and returns the ids of those that ended. */
export async function endJobsOfDeadOwner(pool: Query, owner: string): Promise<string[]> {
  const { rows } = await pool.query<{ job_id: string }>(
    statement("end_jobs_of_dead_owner", "select end_jobs_of_dead_owner($1) as job_id", [owner]),
  );
  return rows.map(({ job_id }) => job_id);
}

/**
 * Takes back `recordAllLost` for a process that was taken for dead and still holds its connections.
 */
export async function recordHeld(pool: Query, waiter: string): Promise<void> {
  await pool.query(statement("record_held_jobs", "select record_held_jobs($1)", [waiter]));
}

/**
 * Gives a lost job of that key and request to the process that has the caller's retry; undefined
 * when there is none. Each lost job goes to one retry.
 */
export async function attachLost(
  pool: Query,
  lost: { readonly key: string; readonly hash: string; readonly waiter: string },
  withinMs: number,
): Promise<string | undefined> {
  const { rows } = await pool.query<{ job: string | null }>(
    statement("attach_lost_job", "select attach_lost($1, decode($2, 'hex'), $3, $4) as job", [
      lost.key,
      lost.hash,
      lost.waiter,
      withinMs,
    ]),
  );
  return rows[0]?.job ?? undefined;
}

/** Finds a page of lost jobs for which no retry has come. */
export async function findAbandoned(
  pool: Query,
  olderThanMs: number,
  page: number,
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    statement(
      "find_abandoned_jobs",
      `select id from jobs
       where lost_at < now() - $1 * interval '1 ms' and state in ('waiting', 'running')
         and cancel_reason is null
       order by lost_at limit $2`,
      [olderThanMs, page],
    ),
  );
  return rows.map(({ id }) => id);
}
