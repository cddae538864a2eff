import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import type { SeededRandom } from "../seeded-random.ts";

export interface EndSessionsOptions {
  /** A pool whose connections are not the broker's. */
  readonly pool: Pool;
  readonly random: SeededRandom;
  /** How many sessions to end. */
  readonly count: number;
  readonly perSecond: number;
  readonly signal: AbortSignal;
}

/** Conditions that choose sessions, each for a state in which a session may be ended. */
const AIMS = {
  any: "a.application_name not like '%-lease'",
  idle: "state = 'idle' and a.application_name not like '%-lease'",
  active: "state = 'active'",
  "in a transaction": "state like 'idle in transaction%'",
  writing: "backend_xid is not null",
  "waiting for a lock": "wait_event_type = 'Lock'",
  "just connected": "backend_start > clock_timestamp() - interval '30 ms' or state is null",
  "holding an advisory lock": "a.application_name similar to '%(-lease|-instance)'",
  listening: "query ilike 'listen %'",
  "all of them": "true",
} as const;
type Aim = keyof typeof AIMS;

const WEIGHTS: Readonly<Record<Aim, number>> = {
  any: 20,
  idle: 10,
  active: 25,
  "in a transaction": 15,
  writing: 10,
  "waiting for a lock": 5,
  "just connected": 10,
  // A worker that loses its lease stops its calls. If that happened too often, no job would ever
  // run.
  "holding an advisory lock": 0.7,
  listening: 2,
  "all of them": 0.1,
};
const MOST_AT_ONCE = 3;

/** Ends sessions of the broker in every state. Returns how many it ended, by name and state. */
export async function endSessions(options: EndSessionsOptions): Promise<Map<string, number>> {
  const { pool, random, count, perSecond, signal } = options;
  const ended = new Map<string, number>();
  for (let all = 0; all < count && !signal.aborted;) {
    const aim = random.weighted(WEIGHTS);
    const most = aim === "all of them" ? 100 : random.int(1, MOST_AT_ONCE);
    const { rows } = await pool.query<{ name: string; state: string }>(
      `select name, state, pg_terminate_backend(pid) from (
         select a.pid, a.application_name as name, case
           when a.backend_start > clock_timestamp() - interval '30 ms' then 'just connected'
           when a.wait_event_type = 'Lock' then 'waiting for a lock'
           when a.query ilike 'listen %' then 'listening'
           else coalesce(a.state, 'connecting') end as state
         from pg_stat_activity a
         where a.application_name like 'spillway%' and (${AIMS[aim]})
         order by random() limit $1
       ) as chosen`,
      [most],
    );
    for (const { name, state } of rows) {
      const what = `${name} ${state}`;
      ended.set(what, (ended.get(what) ?? 0) + 1);
    }
    all += rows.length;
    // After no match the next attempt follows at once, so that rare states are found at all.
    const pauseMs = rows.length === 0 ? 1 : (rows.length * 1_000) / perSecond;
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
  return ended;
}
