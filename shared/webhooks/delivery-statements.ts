import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/** A delivery that is lent to a worker, with all that it takes to send it. */
export interface ClaimedDelivery {
  readonly delivery_id: string;
  /** Number of the attempt that the claim has opened. */
  readonly attempt: number;
  /** Of earlier attempts on the same schedule. */
  readonly failures: number;
  readonly once: boolean;
  readonly endpoint_id: string | null;
  readonly url: string;
  readonly secret: string;
  /** Still signs beside the new one. */
  readonly old_secret: string | null;
  readonly event_id: string;
  readonly event_type: string;
  readonly object_id: string;
  readonly created_at: Date;
  /** By the database's clock, whatever this machine's says. */
  readonly claimed_at: Date;
}

interface ClaimLimits {
  readonly page: number;
  /** After so long the sender counts as dead, and the delivery is lent anew. */
  readonly leaseMs: number;
  /** Out at one time over the fleet: to one endpoint, and of one key. */
  readonly perLane: number;
  readonly perKey: number;
}

export interface DeliveryAttempt {
  readonly delivery: string;
  readonly attempt: number;
  /** Where it went. */
  readonly url: string;
  readonly status: number | null;
  readonly ms: number;
  readonly error: string | null;
  /** `interrupted`: stopped by us; that is no failure. */
  readonly outcome: "delivered" | "failed" | "interrupted";
  /** Null: never again. */
  readonly retryMs: number | null;
  /** The receiver asked for no more. */
  readonly gone: boolean;
}

/** The sender's two statements; safe side by side with others. */
export interface DeliveryStatements {
  claim(limits: ClaimLimits): Promise<ClaimedDelivery[]>;
  /** Returns why the endpoint was disabled by this, if it was. */
  note(note: DeliveryAttempt): Promise<"gone" | "failing" | null>;
}

/** Binds the statements to a pool. The database's clock rules, unless a test brings its own. */
export function deliveryStatements(
  pool: Pick<Pool, "query">,
  clock?: () => Date,
): DeliveryStatements {
  const moment = "coalesce($1::timestamptz, clock_timestamp())";
  const now = (): Date | null => clock?.() ?? null;
  return {
    async claim({ page, leaseMs, perLane, perKey }) {
      const { rows } = await pool.query<ClaimedDelivery>(
        statement(
          "claim_webhooks",
          `select *, ${moment} as claimed_at from claim_webhooks(${moment}, $2, $3, $4, $5)`,
          [now(), page, leaseMs, perLane, perKey],
        ),
      );
      return rows;
    },
    async note(note) {
      const { rows } = await pool.query<{ disabled: "gone" | "failing" | null }>(
        statement(
          "record_webhook_attempt",
          `select note_webhook_attempt(${moment}, $2, $3, $4, $5, $6, $7, $8, $9, $10) as disabled`,
          [
            now(),
            note.delivery,
            note.attempt,
            note.url,
            note.status,
            note.ms,
            note.error,
            note.outcome,
            note.retryMs,
            note.gone,
          ],
        ),
      );
      return rows[0]?.disabled ?? null;
    },
  };
}
