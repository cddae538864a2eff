import type { Pool } from "pg";
import { statement } from "../db/statement.ts";
import type { MoveRow } from "./move.ts";

type Query = Pick<Pool, "query">;

/**
 * Lets the waiting jobs of a provider that is down overflow at once, if their routes allow it and
 * no `serve` target is up that has not failed them.
 */
export async function overflowNow(pool: Query, down: string, up: readonly string[]): Promise<void> {
  await pool.query(statement("overflow_now", "select overflow_now($1, $2)", [down, up]));
}

/** Moves a page of jobs that wait at a provider that is down to `serve` targets that are up. */
export async function rerouteJobs(
  pool: Query,
  down: string,
  up: readonly string[],
  page: number,
  checkMs: number,
): Promise<MoveRow[]> {
  const { rows } = await pool.query<MoveRow>(
    statement("reroute_jobs", "select * from reroute_jobs($1, $2, $3, $4)", [
      down,
      up,
      page,
      checkMs,
    ]),
  );
  return rows;
}

/** Moves jobs that have waited too long to a provider, and only as many as it has free slots. */
export async function overflowJobs(
  pool: Query,
  toProvider: string,
  checkMs: number,
): Promise<MoveRow[]> {
  const { rows } = await pool.query<MoveRow>(
    statement("overflow_jobs", "select * from overflow_jobs($1, $2)", [toProvider, checkMs]),
  );
  return rows;
}

interface StrandedJob {
  readonly job_id: string;
  readonly place: number;
  readonly owner: string;
}

/**
 * Finds jobs whose callers wait, whose provider is down, and which may go to no other provider that
 * is up.
 */
export async function findStrandedJobs(
  pool: Query,
  down: string,
  up: readonly string[],
  page: number,
): Promise<StrandedJob[]> {
  const { rows } = await pool.query<StrandedJob>(
    statement(
      "find_stranded_jobs",
      `select j.id as job_id, j.place, j.owner from jobs j
       where j.state = 'waiting' and j.provider = $1 and (j.interactive or j.waiter is not null)
         and not exists (
           select from jsonb_array_elements(j.plan) as t(item)
           where t.item ->> 'provider' = any ($2)
             and (t.item ->> 'role' = 'serve' or j.overflow_on_failure or j.overflow_at is not null)
             and (j.residency = 'any' or t.item ->> 'location' = 'local'))
       order by j.accepted_at limit $3`,
      [down, up, page],
    ),
  );
  return rows;
}
