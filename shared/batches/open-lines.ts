import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/** Counts the jobs of a batch that have not ended, and by provider those of them that wait. */
export async function countOpenLines(
  pool: Query,
  batch: string,
): Promise<{ byProvider: Map<string, number>; open: number }> {
  const { rows } = await pool.query<{ provider: string; waiting: number; open: number }>(
    preparedStatement(
      "waiting_lines",
      `select j.provider, count(*) filter (where j.state = 'waiting')::integer as waiting,
         count(*)::integer as open
       from batch_lines l join jobs j on j.id = l.job_id
       where l.batch_id = $1 and l.state = 'open' group by j.provider`,
      [batch],
    ),
  );
  return {
    byProvider: new Map(rows.map(({ provider, waiting }) => [provider, waiting])),
    open: rows.reduce((sum, row) => sum + row.open, 0),
  };
}

/** Reads a page of the jobs of a batch that have not ended. */
export async function listOpenLines(pool: Query, batch: string, page: number): Promise<string[]> {
  const { rows } = await pool.query<{ job_id: string }>(
    preparedStatement(
      "open_lines",
      `select job_id from batch_lines where batch_id = $1 and state = 'open'
       order by job_id limit $2`,
      [batch, page],
    ),
  );
  return rows.map(({ job_id }) => job_id);
}

interface PromotedLine {
  readonly job_id: string;
  readonly place: number;
  readonly provider: string;
  readonly key_id: string;
}

/** Moves a batch's waiting jobs to a higher class. Returns the jobs, which must be queued again. */
export async function promoteLines(
  pool: Query,
  batch: string,
  toClass: number,
): Promise<PromotedLine[]> {
  const { rows } = await pool.query<PromotedLine>(
    preparedStatement("promote_lines", "select * from promote_lines($1, $2::smallint)", [
      batch,
      toClass,
    ]),
  );
  return rows;
}
