import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/** A delivery that is lent to a worker, with the facts that it takes to send it. */
export interface ClaimedDelivery {
  readonly delivery_id: string;
  /** The number of the attempt that the claim has begun. */
  readonly attempt: number;
  /** The failed attempts since the schedule began. */
  readonly failures: number;
  readonly once: boolean;
  readonly endpoint_id: string | null;
  readonly url: string;
  readonly secret: string;
  /** It signs beside the new secret. */
  readonly old_secret: string | null;
  readonly event_id: string;
  readonly event_type: string;
  readonly object_id: string;
  readonly created_at: Date;
  /** The time of the claim by the database's clock. */
  readonly claimed_at: Date;
}

interface ClaimLimits {
  readonly page: number;
  /** After this time the sender counts as dead, and the delivery is lent again. */
  readonly leaseMs: number;
  /**
   * The fleet has at most this many deliveries in flight: `perLane` in one lane (an endpoint, for
   * example), and `perKey` of one key.
   */
  readonly perLane: number;
  readonly perKey: number;
}

/** The report of one attempt of a delivery. */
export interface DeliveryAttempt {
  readonly delivery: string;
  readonly attempt: number;
  /** The attempt went to this address. */
  readonly url: string;
  readonly status: number | null;
  readonly ms: number;
  readonly error: string | null;
  /** `interrupted`: the sender itself stopped the attempt, which is not a failure. */
  readonly outcome: "delivered" | "failed" | "interrupted";
  /** With null, the delivery is never tried again. */
  readonly retryMs: number | null;
  /** The receiver answered that it wants no more. */
  readonly gone: boolean;
}

/** The two statements of the sender. Several senders can run them side by side. */
export interface DeliveryStatements {
  claim(limits: ClaimLimits): Promise<ClaimedDelivery[]>;
  /** Records the end of an attempt. Returns why this disabled the endpoint, or null. */
  record(attempt: DeliveryAttempt): Promise<"gone" | "failing" | null>;
}

/** Binds the statements to a pool. They use the database's clock unless a test gives its own. */
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
    async record(attempt) {
      const { rows } = await pool.query<{ disabled: "gone" | "failing" | null }>(
        statement(
          "record_webhook_attempt",
          `select record_webhook_attempt(${moment}, $2, $3, $4, $5, $6, $7, $8, $9, $10) as disabled`,
          [
            now(),
            attempt.delivery,
            attempt.attempt,
            attempt.url,
            attempt.status,
            attempt.ms,
            attempt.error,
            attempt.outcome,
            attempt.retryMs,
            attempt.gone,
          ],
        ),
      );
      return rows[0]?.disabled ?? null;
    },
  };
}
