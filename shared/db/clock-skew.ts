import type { Pool } from "pg";
import { statement } from "./statement.ts";

/** A larger difference disturbs receivers of webhooks, TLS and people who read logs. */
const MAX_SKEW_MS = 60_000;

/**
 * Returns how many milliseconds this machine's clock is ahead of the database's; less than 0 when
 * it is behind. The error is at most half of the time that the statement takes.
 */
async function clockSkewMs(pool: Pick<Pool, "query">, now: () => number): Promise<number> {
  const askedAt = now();
  const { rows } = await pool.query<{ now: Date }>(
    statement("read_clock", "select clock_timestamp() as now"),
  );
  const middle = askedAt + (now() - askedAt) / 2;
  return rows[0] === undefined ? 0 : Math.round(middle - rows[0].now.getTime());
}

/**
 * Warns when this machine's clock is more than a minute from the database's. Deadlines, expiry,
 * money and the signatures of webhooks follow the database's clock. Only the times in this
 * machine's log follow its own clock.
 */
export async function warnOfClockSkew(
  pool: Pick<Pool, "query">,
  log: { warn(fields: object, message: string): void },
  now: () => number = Date.now,
): Promise<void> {
  const skewMs = await clockSkewMs(pool, now);
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return;
  const side = skewMs > 0 ? "ahead of" : "behind";
  log.warn(
    { skewMs },
    `this machine's clock is ${Math.round(Math.abs(skewMs) / 1_000)} s ${side} the database's: set one of them right`,
  );
}
