import type { Database } from "../db/database.ts";
import type { ReplySender } from "../replies/reply-path.ts";
import type { EndMember, EndRow } from "./end.ts";
import { endError } from "./explain-end.ts";

interface EndDeps {
  readonly database: Pick<Database, "end">;
  readonly reply: Pick<ReplySender, "notify">;
}

/** A job that is to end, with the process that answers its caller. */
export interface OwnedEnd extends EndMember {
  readonly owner: string;
}

/**
 * Asks a job to end, and tells its owner if the statement has ended it. A running job goes on until
 * its worker stops it; the returned row then has the verdict `running`.
 */
export async function endJob(
  { database, reply }: EndDeps,
  { owner, ...member }: OwnedEnd,
): Promise<EndRow> {
  const row = await database.end.submit(member);
  const { job, state, code } = member;
  if (row.verdict === "ended")
    await reply.notify(owner, job, { type: "end", state, error: endError(state, code) });
  return row;
}

interface QuietEndDeps {
  readonly database: Pick<Database, "end">;
  readonly log: { error(fields: object, message: string): void };
}

/**
 * Fails a job in the background: nobody waits for it, and no queue has it. If the statement fails,
 * a sweeper ends the job.
 */
export function endJobQuietly({ database, log }: QuietEndDeps, job: string, code: string): void {
  database.end.submit({ job, place: null, state: "failed", code }).catch((error: unknown) => {
    log.error({ err: error, job, code }, "job could not be ended");
  });
}
