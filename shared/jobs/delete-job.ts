import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

export interface DeletedJob {
  /** The worker that must stop, if the job runs. */
  readonly worker: string | null;
}

/** Deletes what is stored of a key's job and asks it to end; undefined: there is no such job. */
export async function deleteJob(
  pool: Pick<Pool, "query">,
  key: string,
  job: string,
): Promise<DeletedJob | undefined> {
  const { rows } = await pool.query<{ verdict: string; worker: string | null }>(
    statement("delete_job", "select verdict, worker from delete_job($1, $2)", [key, job]),
  );
  const [row] = rows;
  return row?.verdict === "deleted" ? { worker: row.worker } : undefined;
}
