import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

export interface DeletedJob {
  /** If the job runs, this worker must stop it. */
  readonly worker: string | null;
}

/**
 * Deletes the stored parts of a key's accepted job and asks the job to end. Returns undefined when
 * the key has no such job.
 */
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
