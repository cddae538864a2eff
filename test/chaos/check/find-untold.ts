import { setTimeout as sleep } from "node:timers/promises";
import type { ChaosFleet } from "../fleet/chaos-fleet.ts";

const WITHIN_MS = 60_000;
const POLL_MS = 500;

/**
 * The receiver takes everything now, and pauses are over: every event comes, under its own id. One
 * line for each that does not.
 */
export async function findUntold({
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
    // A dead sender's lease, or a pause after a refusal, is longer than this run.
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
  const came = new Map<string, string>();
  const problems: string[] = [];
  for (const { headers, body } of hooks.received) {
    const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
    const id = String(headers["webhook-id"]);
    const what = `${type} of ${data.id}`;
    if ((came.get(id) ?? what) !== what) problems.push(`${id} came as ${what} and ${came.get(id)}`);
    came.set(id, what);
  }
  for (const { event, what, state } of rows)
    if (state !== "delivered" || came.get(event) !== what)
      problems.push(`${event}, ${what}, is ${state}, and came as ${came.get(event)}`);
  return problems;
}
