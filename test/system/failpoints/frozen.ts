import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { Lane } from "./lane.ts";
import type { Victim } from "./victim.ts";

/** Leaves a stopped victim until it is declared dead, lets it go on, and waits until it is back. */
export async function outliveDeclaredDeath({ database }: Lane, victim: Victim): Promise<void> {
  const query = "select id from processes where id = $1";
  const isRegistered = async (): Promise<boolean> =>
    (await database.pool.query(query, [victim.id])).rows.length > 0;
  await eventually(async () => expect(await isRegistered()).toBe(false), 15_000, 100);
  victim.thaw();
  await eventually(async () => expect(await isRegistered()).toBe(true), 15_000, 100);
}
