import { expect } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { expectEverySlotToWork } from "./every-slot.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";

/** Expects that nothing is left undone, nothing is held, and every slot can be used. */
export async function expectRest(fleet: SurvivingFleet): Promise<void> {
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]), 120_000, 150);
  await expectEverySlotToWork(fleet);
}
