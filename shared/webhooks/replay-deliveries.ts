import type { PoolClient } from "pg";
import { statement } from "../db/statement.ts";

/** One call sends this many deliveries again. */
const PAGE = 5_000;

/**
 * Sends an endpoint's dead and cancelled deliveries again, if their events are from the given time.
 * `hasMore` means that another call may find more.
 */
export async function replayDeliveries(
  client: Pick<PoolClient, "query">,
  endpointId: string,
  span: { readonly since: Date; readonly until?: Date | undefined },
): Promise<{ replayed: number; hasMore: boolean }> {
  const { rows } = await client.query<{ replayed: number }>(
    statement(
      "replay_deliveries",
      "select replay_deliveries($1, $2, coalesce($3::timestamptz, 'infinity'), $4) as replayed",
      [endpointId, span.since, span.until ?? null, PAGE],
    ),
  );
  const replayed = rows[0]?.replayed ?? 0;
  return { replayed, hasMore: replayed === PAGE };
}
