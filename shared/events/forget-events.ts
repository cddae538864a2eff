import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/** The most rows that one call deletes, since the time of a statement is limited. */
const MAX_ROWS = 20_000;

/**
 * The oldest logs come first, and each costs one probe of the index. Ids of jobs sort by time, so
 * the search ends with the first job that is not an hour old. A log with rows left over counts as a
 * full page.
 */
const FORGET = `
with recursive logs as (
  (select job_id from job_events order by job_id limit 1)
  union all
  select (select e.job_id from job_events e where e.job_id > logs.job_id order by e.job_id limit 1)
  from logs
  where job_id is not null and coalesce(
    (select accepted_at < now() - interval '1 h' from jobs where id = logs.job_id), true)
), old as (
  select job_id from logs
  where job_id is not null and coalesce(
    (select coalesce(ended_at < now() - interval '1 h', false) from jobs where id = logs.job_id),
    true)
  limit $1
), gone as (
  delete from job_events where ctid = any (array(
    select e.ctid from old join job_events e using (job_id) limit $2))
  returning 1
)
select case when (select count(*) from gone) = $2 then $1
  else (select count(*) from old) end::integer as forgotten`;

/** Deletes the event logs of a page of jobs that ended more than an hour ago. Returns how many. */
export async function forgetEvents(pool: Pick<Pool, "query">, page: number): Promise<number> {
  const { rows } = await pool.query<{ forgotten: number }>(
    statement("forget_events", FORGET, [page, MAX_ROWS]),
  );
  return rows[0]?.forgotten ?? 0;
}
