import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { ApiCase } from "./api-cases.ts";
import { asked } from "./asked.ts";
import { expectRest } from "./expect-rest.ts";
import { orderOfApi } from "./order.ts";
import type { Lane } from "./lane.ts";
import type { ApiPoint } from "./points.ts";
import type { Victim } from "./victim.ts";

/**
 * Brings an API to a point, harms it there, and checks its job, its caller and everything else.
 * Meanwhile another API's caller must be answered.
 */
export async function playApi(
  lane: Lane,
  point: ApiPoint,
  { scenario, job, ends }: ApiCase,
  harm: (victim: Victim) => Promise<void>,
): Promise<void> {
  const { victim, ask } = await scenario(lane, point);
  const { passed } = await victim.reached();
  expect(passed).toEqual(expect.arrayContaining([...(orderOfApi[point] ?? [])]));
  await lane.startWorkers();
  const [survivor] = lane.apis;
  if (survivor === undefined) throw new Error("no API survives");
  const other = eventually(async () => {
    expect(await asked(lane, survivor, { model: "plain" })).toMatchObject({ ending: "answer" });
  }, 15_000);
  await Promise.all([harm(victim), other]);
  if (ask !== undefined) expect(ends).toContain((await ask).ending);
  await eventually(async () => expect(job).toContain(await stateOfJob(lane, victim)), 15_000);
  expect(victim.unnamed, "steps without a point").toEqual([]);
  lane.upstreams["gpu-a"]?.setFault(null);
  await expectRest(lane);
}

/** Returns the state of the last job that the victim has accepted, or `none`. */
async function stateOfJob({ database }: Lane, { id }: Victim): Promise<string> {
  const { rows } = await database.pool.query<{ state: string }>(
    "select state from jobs where owner = $1 order by accepted_at desc limit 1",
    [id],
  );
  return rows[0]?.state ?? "none";
}
