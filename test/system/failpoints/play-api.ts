import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { ApiCase } from "./api-cases.ts";
import { asked } from "./asked.ts";
import { expectRest } from "./expect-rest.ts";
import { orderOfApi } from "./order.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";
import type { ApiPoint } from "./points.ts";
import type { HarmedProcess } from "./harmed-process.ts";

/**
 * Brings an API to a point, harms it there, and checks its job, its caller and everything else.
 * Meanwhile another API's caller must be answered.
 */
export async function playApi(
  fleet: SurvivingFleet,
  point: ApiPoint,
  { scenario, job, ends }: ApiCase,
  harm: (harmed: HarmedProcess) => Promise<void>,
): Promise<void> {
  const { harmed, ask } = await scenario(fleet, point);
  const { passed } = await harmed.reached();
  expect(passed).toEqual(expect.arrayContaining([...(orderOfApi[point] ?? [])]));
  await fleet.startWorkers();
  const [survivor] = fleet.apis;
  if (survivor === undefined) throw new Error("no API survives");
  const other = eventually(async () => {
    expect(await asked(fleet, survivor, { model: "plain" })).toMatchObject({ ending: "answer" });
  });
  await Promise.all([harm(harmed), other]);
  if (ask !== undefined) expect(ends).toContain((await ask).ending);
  await eventually(async () => expect(job).toContain(await stateOfJob(fleet, harmed)));
  expect(harmed.unnamed, "steps without a point").toEqual([]);
  fleet.upstreams["gpu-a"]?.setFault(null);
  await expectRest(fleet);
}

/** Returns the state of the last job that the harmed process has accepted, or `none`. */
async function stateOfJob({ database }: SurvivingFleet, { id }: HarmedProcess): Promise<string> {
  const { rows } = await database.pool.query<{ state: string }>(
    "select state from jobs where owner = $1 order by accepted_at desc limit 1",
    [id],
  );
  return rows[0]?.state ?? "none";
}
