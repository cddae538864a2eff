import { setTimeout as sleep } from "node:timers/promises";
import type { ChaosFleet } from "../fleet/chaos-fleet.ts";

const WITHIN_MS = 60_000;
const POLL_MS = 500;

/**
 * Lets the receiver accept everything and ends all pauses. Then every event must arrive, under its
 * own id; returns one line for each that does not.
 */
export async function findUndelivered({
  postgres,
  hooks,
}: Pick<ChaosFleet, "postgres" | "hooks">): Promise<string[]> {
  const { pool } = postgres.database;
  hooks.answer = () => ({ status: 204 });
  const untilMs = performance.now() + WITHIN_MS;
  for (;;) {
    const { rowCount } = await pool.query(
      "select from webhook_deliveries where state in ('sending', 'pending') limit 1",
    );
    if (rowCount === 0 || performance.now() > untilMs) break;
    // The lease of a dead sender, or a pause after a refused delivery, would last longer than this
    // run.
    await pool.query(
      `update webhook_deliveries set next_at = now()
       where state in ('sending', 'pending') and next_at > now() + interval '2 s'`,
    );
    await sleep(POLL_MS);
  }
  const { rows } = await pool.query<{ event: string; what: string; state: string }>(
    `select v.id as event, v.type || ' of ' || v.object_id as what, d.state
     from webhook_events v left join webhook_deliveries d on d.event_id = v.id`,
  );
  const arrived = new Map<string, string>();
  const problems: string[] = [];
  for (const { headers, body } of hooks.received) {
    const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
    const id = String(headers["webhook-id"]);
    const what = `${type} of ${data.id}`;
    if ((arrived.get(id) ?? what) !== what)
      problems.push(`${id} came as ${what} and ${arrived.get(id)}`);
    arrived.set(id, what);
  }
  for (const { event, what, state } of rows)
    if (state !== "delivered" || arrived.get(event) !== what)
      problems.push(`${event}, ${what}, is ${state}, and came as ${arrived.get(event)}`);
  return problems;
}
