import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";
import type { HarmedProcess } from "./harmed-process.ts";

/**
 * Leaves a stopped harmed process until it is declared dead, lets it go on, and waits until it is
 * back.
 */
export async function outliveDeclaredDeath(
  { database }: SurvivingFleet,
  harmed: HarmedProcess,
): Promise<void> {
  const query = "select id from processes where id = $1";
  const isRegistered = async (): Promise<boolean> =>
    (await database.pool.query(query, [harmed.id])).rows.length > 0;
  await eventually(async () => expect(await isRegistered()).toBe(false), 15_000, 100);
  harmed.thaw();
  await eventually(async () => expect(await isRegistered()).toBe(true), 15_000, 100);
}
