import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";

const DUE_EVERY_MS = 3_000;

interface Told {
  readonly object: string;
  readonly type: string;
  readonly events: number;
}

/** Expects that the end of every job that nobody waits for was sent at least once, under one id. */
export async function expectTold({
  database,
  hooks,
}: Pick<SurvivingFleet, "database" | "hooks">): Promise<void> {
  const { pool } = database;
  let dueAt = Number.NEGATIVE_INFINITY;
  await eventually(async () => {
    // A dead sender's lease lasts a minute, and is ended here at once. This is done only every few
    // seconds, since a living sender would lose each attempt to the next claim.
    if (performance.now() - dueAt > DUE_EVERY_MS) {
      await pool.query(
        "update webhook_deliveries set next_at = now() where state in ('sending', 'pending')",
      );
      dueAt = performance.now();
    }
    const { rows: open } = await pool.query(
      "select id from webhook_deliveries where state <> 'delivered'",
    );
    expect(open).toEqual([]);
  });
  const { rows } = await pool.query<Told>(
    `select object_id as object, type, count(*)::integer as events
     from webhook_events group by object_id, type`,
  );
  for (const { object, type, events } of rows) {
    const came = hooks.received
      .filter(({ body }) => {
        const { type: said, data } = JSON.parse(body) as { type: string; data: { id: string } };
        return said === type && data.id === object;
      })
      .map(({ headers }) => headers["webhook-id"]);
    expect({ object, type, events, ids: new Set(came).size }).toEqual({
      object,
      type,
      events: 1,
      ids: 1,
    });
  }
}
