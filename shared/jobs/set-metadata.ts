import type { Pool } from "pg";
import type { StoredRequest } from "../contracts/job-request.ts";
import { statement } from "../db/statement.ts";

/**
 * Replaces the metadata of a key's accepted job. `facts` are the stored facts as the caller has
 * read them. Returns false when they have changed since then, or are gone.
 */
export async function setMetadata(
  pool: Pick<Pool, "query">,
  job: string,
  facts: string,
  metadata: Readonly<Record<string, string>> | null,
): Promise<boolean> {
  const changed: Partial<StoredRequest> = {
    ...(JSON.parse(facts) as Partial<StoredRequest>),
    metadata,
  };
  const { rowCount } = await pool.query(
    statement(
      "set_job_metadata",
      "update job_requests set facts = $3 where job_id = $1 and facts = $2",
      [job, facts, JSON.stringify(changed)],
    ),
  );
  return rowCount === 1;
}
