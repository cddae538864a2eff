import { type ChaosFleet, providers } from "../fleet/chaos-fleet.ts";
import { callApi, type CallTarget } from "../load/call-api.ts";
import type { CallRecord } from "../load/call-record.ts";
import type { LaterRecord } from "../load/later-load.ts";
import { shapeRequest } from "../load/request-shapes.ts";
import { SeededRandom } from "../seeded-random.ts";
import { findAllDifferences } from "./find-all-differences.ts";
import { findLaterDifferences, type LaterJobRow } from "./find-later-differences.ts";
import { findUndelivered } from "./find-undelivered.ts";
import { waitForRest } from "./wait-for-rest.ts";

const READY_MS = 90_000;
const REST_MS = 90_000;
const END_MS = 90_000;

/**
 * Waits until everything runs and answers again and has come to rest. Then compares all records and
 * ends the fleet.
 */
export async function compareAtRest(
  fleet: ChaosFleet,
  { records, later }: { records: readonly CallRecord[]; later: readonly LaterRecord[] },
  run: Pick<CallTarget, "now" | "interrupted"> & { readonly loadBeganAtMs: number },
): Promise<string[]> {
  const { pool } = fleet.postgres.database;
  const late = await fleet.whenReady(READY_MS);
  const differences = late.map((name) => `${name} did not come back`);
  const last = await askEach(fleet, run);
  differences.push(
    ...last
      .filter(({ complete }) => !complete)
      .map(({ api, status, errorCode }) => `healed, ${api} answers ${status} ${errorCode}`),
    ...(await waitForRest(pool, REST_MS)),
  );
  // Faults only lowered the limits, so these are the original values.
  for (const [name, { slots }] of Object.entries(providers))
    await pool.query("update providers set slots = $2 where name = $1", [name, slots]);
  const { rows: jobs } = await pool.query<LaterJobRow>(
    `select id, state, error_code, residency, cancel_reason from jobs
     where not interactive and batch_id is null
       and key_id not in (select id from keys where name = 'apart')`,
  );
  const cloudCalls = Object.keys(fleet.upstreams.cloud.counters().requests);
  differences.push(
    ...(await findUndelivered(fleet)),
    ...findLaterDifferences({ records: later, jobs, cloudCalls }),
    ...(await findAllDifferences(fleet, [...records, ...last], run.loadBeganAtMs)),
  );
  const processes = [...new Set(Object.values(fleet.processes))];
  const ends = await Promise.all(processes.map((one) => one.stop(END_MS)));
  return [...differences, ...processes.flatMap(({ crashes }) => crashes), ...ends.flat()];
}

async function askEach(
  fleet: ChaosFleet,
  run: Pick<CallTarget, "now" | "interrupted">,
): Promise<CallRecord[]> {
  const apis = ["api-1", "api-2"] as const;
  return await Promise.all(
    apis.map((api) =>
      callApi(
        {
          marker: `last-${api}`,
          api,
          key: "free",
          residency: "any",
          deadlineMs: 30_000,
          request: shapeRequest(new SeededRandom(1), `last-${api}`),
          leavesAfterMs: undefined,
          bytesPerSecond: undefined,
        },
        { url: fleet.apiUrls[api], secret: fleet.keys.free, ...run },
      ),
    ),
  );
}
