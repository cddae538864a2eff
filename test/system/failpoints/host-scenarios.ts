import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { askedLater, type Way } from "./asked-later.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";
import type { ApiPoint } from "./points.ts";
import type { HarmedProcess } from "./harmed-process.ts";

/**
 * The harmed process is on its way to its point; `check` expects what must hold once it is dead.
 */
interface HostScene {
  readonly harmed: HarmedProcess;
  check(): Promise<void>;
}

export type HostScenario = (fleet: SurvivingFleet, point: ApiPoint) => Promise<HostScene>;

/**
 * The harmed process gets the request of an accepted job, whose caller asks again at another API.
 */
export function accepts(way: Way): HostScenario {
  return async (fleet, point) => {
    const harmed = await fleet.harmed.running("api");
    await harmed.arm(point);
    const before = await countJobs(fleet);
    const asked = askedLater(fleet, harmed, { way, model: "plain" });
    return {
      harmed,
      async check() {
        expect((await asked).ending).toBe("answer");
        expect(await countJobs(fleet)).toBe(before + 1);
      },
    };
  };
}

/** The harmed process is asked to do something about a job that waits, since no worker runs. */
function changes(method: "POST" | "DELETE", rest: string, ends: readonly string[]): HostScenario {
  return async (fleet, point) => {
    const job = await acceptWaiting(fleet);
    const harmed = await fleet.harmed.running("api");
    await harmed.arm(point);
    const ask = (server: { baseUrl: string }): Promise<Response | undefined> =>
      call(fleet, server, method, `/jobs/${job}${rest}`);
    const lost = ask(harmed);
    return {
      harmed,
      async check() {
        const answer = await lost;
        if (answer !== undefined) {
          // The caller does not wait for the announcement, so its answer may come before the death.
          expect(point).toBe("after announce");
          expect(await answer.json()).toMatchObject({ status: "cancelled" });
        }
        const [survivor] = fleet.apis;
        if (survivor === undefined) throw new Error("no API survives");
        const again = await ask(survivor);
        if (again === undefined) throw new Error("the survivor does not answer");
        // A job that is already deleted cannot be deleted again.
        expect([200, ...(method === "DELETE" ? [404] : [])]).toContain(again.status);
        // A worker may have begun it by then, and stops.
        await eventually(async () => expect(ends).toContain(await stateOf(fleet, job)));
      },
    };
  };
}

export const cancels = changes("POST", "/cancel", ["cancelled"]);
export const deletes = changes("DELETE", "", ["cancelled"]);

/** No worker runs, and the deadline of a job passes. */
export const expires: HostScenario = async (fleet, point) => {
  const harmed = await fleet.harmed.running("api");
  const job = await acceptWaiting(fleet, { "x-spillway-deadline-ms": "1000" });
  await harmed.arm(point);
  return {
    harmed,
    async check() {
      await eventually(async () => expect(await stateOf(fleet, job)).toBe("expired"));
    },
  };
};

/**
 * A caller with an OpenAI SDK loses its connection to the first API, and tries again at the second.
 */
function comesAgain(atHarmed: "first" | "second"): HostScenario {
  return async (fleet, point) => {
    const harmed = await fleet.harmed.running("api");
    const [survivor] = fleet.apis;
    if (survivor === undefined) throw new Error("no API survives");
    const body = JSON.stringify({
      model: "plain",
      max_tokens: 150,
      messages: [{ role: "user", content: `[sim output=150] ${randomUUID()}` }],
    });
    const before = await countJobs(fleet);
    const ask = (
      server: { baseUrl: string },
      count: number,
      signal: AbortSignal | null = null,
    ): Promise<Response | undefined> =>
      call(fleet, server, "POST", "/chat/completions", {
        body,
        signal,
        headers: { "x-stainless-retry-count": String(count) },
      });
    const caller = new AbortController();
    const first = ask(atHarmed === "first" ? harmed : survivor, 0, caller.signal);
    await eventually(async () => expect(await countJobs(fleet)).toBe(before + 1));
    const isLost = (): Promise<void> =>
      eventually(async () => {
        const lost = await fleet.database.pool.query(
          "select id from jobs where lost_at is not null",
        );
        expect(lost.rows).toHaveLength(1);
      });
    if (atHarmed === "first") await harmed.arm(point);
    caller.abort();
    await first;
    let second: Promise<unknown> = Promise.resolve();
    if (atHarmed === "second") {
      await isLost();
      await harmed.arm(point);
      second = ask(harmed, 1);
    }
    return {
      harmed,
      async check() {
        await second;
        await isLost();
        // On a busy machine the time in which a caller may come again would pass.
        await fleet.database.pool.query(
          "update jobs set lost_at = now() where lost_at is not null",
        );
        const last = await ask(survivor, 2);
        expect(last?.status).toBe(200);
        expect(await countJobs(fleet)).toBe(before + 1);
      },
    };
  };
}

export const losesCaller = comesAgain("first");
export const regainsCaller = comesAgain("second");

/** Has a job accepted that waits, since no worker runs, and returns its id. */
async function acceptWaiting(
  fleet: SurvivingFleet,
  headers: Record<string, string> = {},
): Promise<string> {
  await fleet.stopWorkers();
  const [survivor] = fleet.apis;
  if (survivor === undefined) throw new Error("no API survives");
  const answer = await call(fleet, survivor, "POST", "/chat/completions", {
    headers: { prefer: "respond-async", ...headers },
    body: JSON.stringify({ model: "plain", messages: [{ role: "user", content: "Hi" }] }),
  });
  expect(answer?.status).toBe(202);
  return answer?.headers.get("x-spillway-job-id") ?? "";
}

interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | null;
}

/** Returns undefined when the connection breaks. */
async function call(
  { key }: SurvivingFleet,
  { baseUrl }: { readonly baseUrl: string },
  method: string,
  path: string,
  { headers = {}, ...init }: CallOptions = {},
): Promise<Response | undefined> {
  const authorization = `Bearer ${key}`;
  const type = init.body === undefined ? {} : { "content-type": "application/json" };
  const all = { authorization, ...type, ...headers };
  const answer = await fetch(`${baseUrl}${path}`, { method, headers: all, ...init }).catch(
    () => undefined,
  );
  await answer?.clone().arrayBuffer();
  return answer;
}

async function countJobs({ database }: SurvivingFleet): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    "select count(*)::integer as count from jobs where not interactive",
  );
  return rows[0]?.count ?? 0;
}

async function stateOf({ database }: SurvivingFleet, job: string): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ state: string }>(
    "select state from jobs where id = $1",
    [job],
  );
  return rows[0]?.state;
}
