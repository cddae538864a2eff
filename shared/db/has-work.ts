import type { Pool } from "pg";
import { statement } from "./statement.ts";

/**
 * Each part reads the first entry of an index, however large the tables are. The ordering makes the
 * planner use that index.
 */
const HAS_WORK = `
select (select id from jobs where state = 'waiting' order by wake_at limit 1) is not null
  or exists (select from attempts)
  or exists (select from batches where ended_at is null)
  or (select id from webhook_deliveries
      where state in ('pending', 'sending') and next_at <= now()
      order by next_at limit 1) is not null as has_work`;

/** Tells whether a job, batch or webhook in the database has not ended and may move on now. */
export async function hasWork(pool: Pick<Pool, "query">): Promise<boolean> {
  const { rows } = await pool.query<{ has_work: boolean }>(statement("has_work", HAS_WORK));
  return rows[0]?.has_work !== false;
}
