import type { Database } from "../db/database.ts";
import { statement } from "../db/statement.ts";
import { endJob } from "../jobs/end-job.ts";
import { listWaitingJobs } from "../jobs/find-waiting.ts";
import type { ReplySender } from "../replies/reply-path.ts";

const PAGE = 512;

/**
 * The command line cannot reach the processes that answer callers, so they find the end themselves.
 */
const nobody: Pick<ReplySender, "notify"> = { notify: () => Promise.resolve(false) };

/**
 * Revokes a key for good and ends its waiting jobs, which releases their holds. Running jobs go on.
 * A second call finishes what an interrupted one has left. Returns how many jobs ended; undefined
 * when there is no such key.
 */
export async function revokeKey(
  database: Pick<Database, "pool" | "end">,
  id: string,
  reply = nobody,
): Promise<number | undefined> {
  const { pool } = database;
  const revoked = await pool.query(
    statement(
      "revoke_key",
      "update keys set revoked_at = coalesce(revoked_at, now()) where id = $1",
      [id],
    ),
  );
  if (revoked.rowCount === 0) return undefined;
  for (let ended = 0; ;) {
    const jobs = await listWaitingJobs(pool, id, PAGE);
    if (jobs.length === 0) return ended;
    const rows = await Promise.all(
      jobs.map(({ id: job, owner }) =>
        endJob(
          { database, reply },
          { job, place: null, state: "cancelled", code: "revoked", owner },
        ),
      ),
    );
    ended += rows.filter(({ verdict }) => verdict === "ended").length;
  }
}
