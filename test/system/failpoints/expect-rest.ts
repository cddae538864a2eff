import { expect } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { expectEverySlotToWork } from "./every-slot.ts";
import type { Lane } from "./lane.ts";

/** Expects that nothing is left undone, nothing is held, and every slot can be used. */
export async function expectRest(lane: Lane): Promise<void> {
  await eventually(async () => expect(await findDifferences(lane)).toEqual([]), 30_000, 150);
  await expectEverySlotToWork(lane);
}
