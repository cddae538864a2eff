import type { Database } from "../db/database.ts";
import { statement } from "../db/statement.ts";

/** A job that ended because its key was revoked, and the API process that answers its caller. */
export interface RevokedJob {
  readonly id: string;
  readonly owner: string;
}

const PAGE = 512;

/**
 * Revokes a key for good and ends its waiting jobs, which releases their holds; jobs that run go
 * on. Revoking again finishes what an interrupted call left. `onJobEnded` is called once a job
 * that ended here. Returns how many did; undefined: there is no such key.
 */
export async function revokeKey(
  database: Pick<Database, "pool" | "end">,
  id: string,
  onJobEnded: (job: RevokedJob) => void = () => undefined,
): Promise<number | undefined> {
  const revoked = await database.pool.query(
    statement(
      "revoke_key",
      "update keys set revoked_at = coalesce(revoked_at, now()) where id = $1",
      [id],
    ),
  );
  if (revoked.rowCount === 0) return undefined;
  let ended = 0;
  for (;;) {
    const { rows } = await database.pool.query<RevokedJob>(
      statement(
        "list_waiting_of_key",
        `select id, owner from jobs where key_id = $1 and state = 'waiting' order by id limit ${PAGE}`,
        [id],
      ),
    );
    if (rows.length === 0) return ended;
    const asked = await Promise.all(
      rows.map(async (job) => {
        const { verdict } = await database.end.submit({
          job: job.id,
          place: null,
          state: "cancelled",
          code: "revoked",
        });
        return { job, verdict };
      }),
    );
    for (const { job, verdict } of asked) {
      if (verdict !== "ended") continue;
      ended += 1;
      onJobEnded(job);
    }
  }
}
