import { setTimeout as sleep } from "node:timers/promises";
import type { ChaosFleet, KeyName } from "../fleet/chaos-fleet.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { callApi, type CallPlan } from "./call-api.ts";
import type { CallRecord } from "./call-record.ts";
import { shapeRequest } from "./request-shapes.ts";

export interface LoadOptions {
  readonly fleet: Pick<ChaosFleet, "apiUrls" | "keys">;
  readonly random: SeededRandom;
  readonly perSecond: number;
  readonly now: () => number;
  /** No request begins after this. */
  readonly ended: AbortSignal;
  readonly interrupted: AbortSignal;
}

/** More callers at once would show nothing new. */
const MOST_AT_ONCE = 250;
const KEY_WEIGHTS: Readonly<Record<KeyName, number>> = {
  free: 40,
  other: 20,
  local: 6,
  budgeted: 26,
  poor: 8,
  apart: 0,
};

/**
 * Sends mixed requests at random times over both APIs. Resolves when the last caller has an end.
 */
export async function runLoad(options: LoadOptions): Promise<CallRecord[]> {
  const { fleet, random, perSecond, now, ended, interrupted } = options;
  const records: CallRecord[] = [];
  const open = new Set<Promise<CallRecord>>();
  const keep = async (call: Promise<CallRecord>): Promise<void> => {
    records.push(await call);
    open.delete(call);
  };
  for (let number = 1; !ended.aborted; number++) {
    const pauseMs = (-Math.log(1 - random.next()) / perSecond) * 1_000;
    await sleep(pauseMs, undefined, { signal: ended }).catch(() => undefined);
    const plan = planCall(random, `m${number}x${random.int(1_000_000, 9_999_999)}`);
    if (ended.aborted || open.size >= MOST_AT_ONCE) continue;
    const target = { url: fleet.apiUrls[plan.api], secret: fleet.keys[plan.key], now, interrupted };
    const call = callApi(plan, target);
    open.add(call);
    void keep(call);
  }
  await Promise.all(open);
  return records;
}

function planCall(random: SeededRandom, marker: string): CallPlan {
  const request = shapeRequest(random, marker);
  const wanted = random.weighted(KEY_WEIGHTS);
  const key = request.isBig && (wanted === "budgeted" || wanted === "poor") ? "free" : wanted;
  const asksLocal = random.chance(0.15);
  const hurries = random.chance(0.08);
  const leaves = random.chance(0.07);
  const isSlow = request.isStream && random.chance(0.07);
  return {
    marker,
    request,
    key,
    api: random.pick(["api-1", "api-2"]),
    residency: asksLocal || key === "local" ? "local" : "any",
    deadlineMs: hurries ? random.int(1_000, 6_000) : random.int(20_000, 45_000),
    leavesAfterMs: leaves ? random.int(10, 2_500) : undefined,
    bytesPerSecond: isSlow ? random.int(20_000, 60_000) : undefined,
  };
}
