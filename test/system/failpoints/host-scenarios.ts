import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { askedLater, type Way } from "./asked-later.ts";
import type { Lane } from "./lane.ts";
import type { ApiPoint } from "./points.ts";
import type { Victim } from "./victim.ts";

/** The victim is on its way to its point; `check` expects what must hold once it is dead. */
interface HostScene {
  readonly victim: Victim;
  check(): Promise<void>;
}

export type HostScenario = (lane: Lane, point: ApiPoint) => Promise<HostScene>;

/** The victim gets the request of an accepted job, whose caller asks again at another API. */
export function accepts(way: Way): HostScenario {
  return async (lane, point) => {
    const victim = await lane.victim.running("api");
    await victim.arm(point);
    const before = await countJobs(lane);
    const asked = askedLater(lane, victim, { way, model: "plain" });
    return {
      victim,
      async check() {
        expect((await asked).ending).toBe("answer");
        expect(await countJobs(lane)).toBe(before + 1);
      },
    };
  };
}

/** The victim is asked to do something about a job that waits, since no worker runs. */
function changes(method: "POST" | "DELETE", rest: string, ends: readonly string[]): HostScenario {
  return async (lane, point) => {
    const job = await acceptWaiting(lane);
    const victim = await lane.victim.running("api");
    await victim.arm(point);
    const ask = (server: { baseUrl: string }): Promise<Response | undefined> =>
      call(lane, server, method, `/jobs/${job}${rest}`);
    const lost = ask(victim);
    return {
      victim,
      async check() {
        const answer = await lost;
        if (answer !== undefined) {
          // The caller does not wait for the announcement, so its answer may come before the death.
          expect(point).toBe("after announce");
          expect(await answer.json()).toMatchObject({ status: "cancelled" });
        }
        const [survivor] = lane.apis;
        if (survivor === undefined) throw new Error("no API survives");
        const again = await ask(survivor);
        if (again === undefined) throw new Error("the survivor does not answer");
        // A job that is already deleted cannot be deleted again.
        expect([200, ...(method === "DELETE" ? [404] : [])]).toContain(again.status);
        expect(ends).toContain(await stateOf(lane, job));
      },
    };
  };
}

export const cancels = changes("POST", "/cancel", ["cancelled"]);
export const deletes = changes("DELETE", "", ["cancelled"]);

/** No worker runs, and the deadline of a job passes. */
export const expires: HostScenario = async (lane, point) => {
  const victim = await lane.victim.running("api");
  const job = await acceptWaiting(lane, { "x-spillway-deadline-ms": "300" });
  await victim.arm(point);
  return {
    victim,
    async check() {
      await eventually(async () => expect(await stateOf(lane, job)).toBe("expired"), 15_000);
    },
  };
};

/**
 * A caller with an OpenAI SDK loses its connection to the first API, and tries again at the second.
 */
function comesAgain(atVictim: "first" | "second"): HostScenario {
  return async (lane, point) => {
    const victim = await lane.victim.running("api");
    const [survivor] = lane.apis;
    if (survivor === undefined) throw new Error("no API survives");
    const body = JSON.stringify({
      model: "plain",
      max_tokens: 150,
      messages: [{ role: "user", content: `[sim output=150] ${randomUUID()}` }],
    });
    const before = await countJobs(lane);
    const ask = (
      server: { baseUrl: string },
      count: number,
      signal: AbortSignal | null = null,
    ): Promise<Response | undefined> =>
      call(lane, server, "POST", "/chat/completions", {
        body,
        signal,
        headers: { "x-stainless-retry-count": String(count) },
      });
    const caller = new AbortController();
    const first = ask(atVictim === "first" ? victim : survivor, 0, caller.signal);
    await eventually(async () => expect(await countJobs(lane)).toBe(before + 1));
    const isLost = (): Promise<void> =>
      eventually(async () => {
        const lost = await lane.database.pool.query(
          "select id from jobs where lost_at is not null",
        );
        expect(lost.rows).toHaveLength(1);
      }, 15_000);
    if (atVictim === "first") await victim.arm(point);
    caller.abort();
    await first;
    let second: Promise<unknown> = Promise.resolve();
    if (atVictim === "second") {
      await isLost();
      await victim.arm(point);
      second = ask(victim, 1);
    }
    return {
      victim,
      async check() {
        await second;
        await isLost();
        const last = await ask(survivor, 2);
        expect(last?.status).toBe(200);
        expect(await countJobs(lane)).toBe(before + 1);
      },
    };
  };
}

export const losesCaller = comesAgain("first");
export const regainsCaller = comesAgain("second");

/** Has a job accepted that waits, since no worker runs, and returns its id. */
async function acceptWaiting(lane: Lane, headers: Record<string, string> = {}): Promise<string> {
  await lane.stopWorkers();
  const [survivor] = lane.apis;
  if (survivor === undefined) throw new Error("no API survives");
  const answer = await call(lane, survivor, "POST", "/chat/completions", {
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
  { key }: Lane,
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

async function countJobs({ database }: Lane): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    "select count(*)::integer as count from jobs where not interactive",
  );
  return rows[0]?.count ?? 0;
}

async function stateOf({ database }: Lane, job: string): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ state: string }>(
    "select state from jobs where id = $1",
    [job],
  );
  return rows[0]?.state;
}
