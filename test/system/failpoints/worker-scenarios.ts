import { expect } from "vitest";
import { acceptMember } from "../db/members.ts";
import { eventually } from "../../support/eventually.ts";
import { asked, type Asked } from "./asked.ts";
import { SLOTS, type SurvivingFleet } from "./surviving-fleet.ts";
import type { WorkerPoint } from "./points.ts";
import type { HarmedProcess } from "./harmed-process.ts";
import { claimAsDeadWorker, findWaitingJob, loseEntry, type WaitingJob } from "./waiting-job.ts";

/** The harmed process is on its way to its point, and callers wait for `asks`. */
interface Scene {
  readonly harmed: HarmedProcess;
  readonly asks: readonly Promise<Asked>[];
  /** `named`: only the jobs that the step was about may end badly. */
  readonly atStake: "named" | "all";
  /** Repairs what else was broken. */
  readonly repair?: () => Promise<void>;
}

/** `about`: a regular expression for what the step must be about. */
export type Scenario = (fleet: SurvivingFleet, point: WorkerPoint, about: string) => Promise<Scene>;

type Question = Parameters<typeof asked>[2];

/** The harmed process joins the fleet. */
export const comes: Scenario = async (fleet, point, about) => ({
  harmed: await fleet.harmed.start("worker", { point, about }),
  asks: [],
  atStake: "all",
});

/** The harmed process stops in order. */
export const leaves: Scenario = async (fleet, point, about) => {
  const harmed = await fleet.harmed.running("worker");
  await harmed.arm(point, about);
  harmed.askToEnd();
  return { harmed, asks: [], atStake: "all" };
};

/** Another worker joins, and the harmed process gives it its share of the slots. */
export const shares: Scenario = async (fleet, point, about) => {
  const harmed = await fleet.harmed.running("worker");
  await fleet.stopWorkers();
  await waitForSlots(fleet, harmed, SLOTS);
  await harmed.arm(point, about);
  await fleet.startWorkers();
  return { harmed, asks: [], atStake: "all" };
};

/**
 * Sends as many requests at once as there are slots, until the harmed process has had its share of
 * them.
 */
function works(question: Question): Scenario {
  return async (fleet, point, about) => {
    const harmed = await fleet.harmed.running("worker");
    await waitForSlots(fleet, harmed, SLOTS / 2);
    await harmed.arm(point, about);
    const reached = harmed.reached();
    const asks: Promise<Asked>[] = [];
    for (let isReached = false; !isReached;) {
      const more = askAtOnce(fleet, question);
      asks.push(...more);
      isReached = await Promise.race([
        reached.then(() => true),
        // A quicker worker may have had them all.
        Promise.all(more).then(() => false),
      ]);
    }
    return { harmed, asks, atStake: "named" };
  };
}

export const worksWhole = works({ model: "plain" });
export const worksStream = works({ model: "plain", stream: true });

/** The harmed process is the only worker, and runs a job. */
function worksAlone(
  question: Question,
  prepare: (fleet: SurvivingFleet) => void = () => undefined,
): Scenario {
  return async (fleet, point, about) => {
    const harmed = await fleet.harmed.running("worker");
    await fleet.stopWorkers();
    await harmed.arm(point, about);
    prepare(fleet);
    return { harmed, asks: askAtOnce(fleet, question, 1), atStake: "all" };
  };
}

export const worksFailing = worksAlone({ model: "spill" }, ({ upstreams }) =>
  upstreams["gpu-a"]?.setFault({ type: "status", status: 500, times: 1 }),
);
/** The upstream stops in the middle of a stream. */
export const worksStalling = worksAlone({ model: "plain", stream: true }, ({ upstreams }) =>
  upstreams["gpu-a"]?.setFault({ type: "hang_after", tokens: 3, times: 1 }),
);
/** The answer is larger than what a reply message carries. */
export const worksLarge = worksAlone({
  model: "large",
  content: "[sim output=34000]",
  maxTokens: 34_000,
});

/**
 * The harmed process is the only worker, and finds a job in its queue whose deadline has passed.
 */
export const comesTooLate: Scenario = async (fleet, point, about) => {
  await fleet.harmed.end();
  await fleet.stopWorkers();
  const asks = askAtOnce(fleet, { model: "plain" }, 1);
  const { id } = await findWaitingJob(fleet);
  await fleet.database.pool.query(
    "update jobs set deadline_at = now(), wake_at = now() + interval '1 h' where id = $1",
    [id],
  );
  const harmed = await fleet.harmed.start("worker", { point, about });
  return { harmed, asks, atStake: "all" };
};

/** The harmed process is the only worker, and has to care for a job whose entry was lost. */
function cares(
  model: string,
  happen: (fleet: SurvivingFleet, job: WaitingJob) => Promise<unknown>,
  providerIsDown = false,
): Scenario {
  return async (fleet, point, about) => {
    await fleet.harmed.end();
    await fleet.stopWorkers();
    const asks = askAtOnce(fleet, { model }, 1);
    const job = await findWaitingJob(fleet);
    await loseEntry(fleet, job);
    const upstream = fleet.upstreams[job.provider];
    if (providerIsDown) await upstream?.close();
    const harmed = await fleet.harmed.start("worker");
    await harmed.arm(point, about);
    await happen(fleet, job);
    const repair = async (): Promise<void> => {
      if (providerIsDown) await upstream?.restart();
    };
    return { harmed, asks, atStake: "all", repair };
  };
}

const nothing = (): Promise<void> => Promise.resolve();

/** Another worker dies while it runs a job. */
export const clearsDeadWorker = cares("plain", claimAsDeadWorker);
/** It is time to see whether the queue has the entry. */
export const looksForEntry = cares("plain", (fleet, { id }) =>
  fleet.database.pool.query("update jobs set wake_at = now() where id = $1", [id]),
);
/** Redis has been wiped. */
export const findsNewEpoch = cares("plain", (fleet) => fleet.forgetEpoch());
/** The job has waited too long. */
export const overflows = cares("spill", (fleet, { id }) =>
  fleet.database.pool.query("update jobs set overflow_at = now() where id = $1", [id]),
);
/** The job's provider is down, and another one serves the same model. */
export const reroutes = cares("both", nothing, true);
/** The job's provider is down; after a failure the route overflows. */
export const overflowsFromDown = cares("spill", nothing, true);

/** An API that had a job has died. */
export const clearsDeadApi: Scenario = async (fleet, point, about) => {
  const { pool, accept } = fleet.database;
  const harmed = await fleet.harmed.running("worker");
  await fleet.stopWorkers();
  await harmed.arm(point, about);
  const { rows } = await pool.query<{ id: string }>("select id from keys limit 1");
  const id = `job_gone${Date.now()}`;
  const row = await accept.submit(
    acceptMember(id, rows[0]?.id ?? "", [1_000n, 1_000n, 1_000n], { owner: "api_gone" }),
  );
  expect(row.verdict).toBe("accepted");
  await pool.query(
    `insert into processes (id, seq, kind, host, pid, beat_at)
     values ('api_gone', nextval(pg_get_serial_sequence('processes', 'seq')), 'api', 'gone', 1,
       now() - interval '1 min')`,
  );
  return { harmed, asks: [], atStake: "all" };
};

function askAtOnce(
  { apis, ...fleet }: SurvivingFleet,
  question: Question,
  count = SLOTS,
): Promise<Asked>[] {
  return Array.from({ length: count }, async (_, number) => {
    const api = apis[number % apis.length];
    if (api === undefined) throw new Error("no API survives");
    return await asked(fleet, api, question);
  });
}

/** Waits until the harmed process holds so many slots of each provider. */
async function waitForSlots(
  { database }: SurvivingFleet,
  { id }: HarmedProcess,
  count: number,
): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ held: number }>(
      `select count(h.slot)::integer as held
       from providers p left join slot_holders h on h.provider_id = p.id and h.worker = $1
       group by p.id`,
      [id],
    );
    expect(rows.map(({ held }) => held)).toEqual(rows.map(() => count));
  });
}
