import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Lane } from "./lane.ts";
import type { Victim } from "./victim.ts";

/** Longer than a process is believed in whose beat stands still. */
const FROZEN_MS = 6_000;

/** Leaves a stopped victim so until it is buried, lets it go on, and waits until it is back. */
export async function outliveBurial({ database }: Lane, victim: Victim): Promise<void> {
  const query = "select id from processes where id = $1 and beat_at > now() - interval '2 s'";
  const isRegistered = async (): Promise<boolean> =>
    (await database.pool.query(query, [victim.id])).rows.length > 0;
  await sleep(FROZEN_MS);
  expect(await isRegistered()).toBe(false);
  victim.thaw();
  await eventually(async () => expect(await isRegistered()).toBe(true), 15_000);
}
