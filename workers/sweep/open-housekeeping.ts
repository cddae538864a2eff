import type { Pool } from "pg";
import { forgetBatchLines } from "../../shared/batches/forget-batch-lines.ts";
import { forgetConversations } from "../../shared/conversations/forget-conversations.ts";
import type { Database } from "../../shared/db/database.ts";
import { forgetEvents } from "../../shared/events/forget-events.ts";
import { forgetFiles } from "../../shared/files/forget-files.ts";
import { forgetAccepted } from "../../shared/jobs/forget-accepted.ts";
import { findAbandoned } from "../../shared/jobs/lost-jobs.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { forgetOldWebhooks } from "../../shared/webhooks/forget-old-webhooks.ts";
import { Housekeeping } from "./housekeeping.ts";

export interface OpenHousekeepingOptions {
  readonly database: Pick<Database, "end"> & { readonly pool: Pool };
  /** Ended jobs and their results are kept this long. */
  readonly resultsMs: number;
  readonly reply: ReplySender;
}

/** An SDK's retry has come within this time. */
const ABANDONED_AFTER_MS = 15_000;

/** Composes a worker's housekeeping. */
export function openHousekeeping({
  database,
  resultsMs,
  reply,
}: OpenHousekeepingOptions): Housekeeping {
  const { pool } = database;
  return new Housekeeping({
    forgets: [
      (page) => forgetAccepted(pool, resultsMs, page),
      (page) => forgetEvents(pool, page),
      (page) => forgetOldWebhooks(pool, resultsMs, page),
      (page) => forgetFiles(pool, page),
      (page) => forgetBatchLines(pool, page),
      (page) => forgetConversations(pool, resultsMs, page),
    ],
    findAbandoned: (page) => findAbandoned(pool, ABANDONED_AFTER_MS, page),
    database,
    reply,
  });
}
