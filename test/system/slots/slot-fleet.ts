import assert from "node:assert/strict";
import { afterEach, beforeEach } from "vitest";
import type { SlotToken } from "../../../workers/slots/slot-leases.ts";
import { seededDatabase, type SeededDatabase } from "../db/seed.ts";
import { startFleetWorker, type FleetWorker } from "./fleet.ts";

export const SLOTS = 8;
/** Workers share every half second, so two seconds are four rounds. */
export const ROUNDS = 4;

/** Workers share the slots of `gpu-a`; each test has new ones. */
export class SlotFleet {
  seeded!: SeededDatabase;
  workers: FleetWorker[] = [];
  /** The workers' clock shows this time, in milliseconds. */
  time = 0;

  constructor() {
    beforeEach(async () => {
      this.seeded = await seededDatabase(SLOTS);
      this.workers = [];
      this.time = 1_000_000;
    });
    afterEach(async () => {
      for (const worker of this.workers) await worker.stop();
      await this.seeded.close();
    });
  }

  async join(): Promise<FleetWorker> {
    const worker = await startFleetWorker(this.seeded, ["gpu-a"], () => this.time);
    this.workers.push(worker);
    return worker;
  }

  async rounds(count: number, ...who: FleetWorker[]): Promise<void> {
    for (let round = 0; round < count; round++) {
      for (const { slots } of who) await slots.refresh();
      await this.expectDisjoint();
    }
  }

  /** No slot is held twice, and there are no more than the limit. */
  async expectDisjoint(): Promise<number[]> {
    const all = (await Promise.all(this.workers.map((worker) => worker.held("gpu-a")))).flat();
    assert.equal(new Set(all).size, all.length, "a slot is held twice");
    assert(all.length <= SLOTS, "more slots are held than there are");
    return all.toSorted((a, b) => a - b);
  }
}

export function takeAll({ slots }: FleetWorker): SlotToken[] {
  const tokens: SlotToken[] = [];
  for (let token = slots.take("gpu-a"); token !== null; token = slots.take("gpu-a"))
    tokens.push(token);
  return tokens;
}
