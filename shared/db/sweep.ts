import type { Pool } from "pg";
import { leaseIsHeld, PROCESS_LOCK } from "../processes/advisory-locks.ts";
import type { MoveRow } from "../jobs/move.ts";

export interface FleetProcess {
  readonly id: string;
  readonly kind: "api" | "worker";
  readonly beat: bigint;
  /**
   * Its lease's lock is held: the process lives, or is frozen. An API process without one has two
   * seconds to make a new session, as after a restart of the database.
   */
  readonly locked: boolean;
}

export interface DueJob {
  readonly job_id: string;
  /** `expired`: its deadline has passed and it has ended. `check`: does its entry still exist? */
  readonly action: "expired" | "check";
  readonly owner: string;
  readonly provider: string;
  readonly place: number;
}

export interface LostJob {
  readonly job_id: string;
  /** `failed`: it has ended, for the reason that `error_code` says. */
  readonly state: "waiting" | "failed";
  readonly error_code: "answer_lost" | "poison" | null;
  readonly owner: string;
  readonly provider: string;
  readonly place: number;
}

interface StrandedJob {
  readonly job_id: string;
  readonly place: number;
  readonly owner: string;
}

/** The sweeper's and the mover's statements; each is one call, safe side by side with others. */
export interface SweepStatements {
  fleet(): Promise<FleetProcess[]>;
  forget(process: string): Promise<void>;
  due(page: number): Promise<DueJob[]>;
  /** Attempts of a live worker that it does not run, and that are at least so old. */
  closeLost(
    worker: string,
    running: readonly string[],
    minAgeMs: number,
    page: number,
  ): Promise<LostJob[]>;
  /** All attempts of a worker that has died; its jobs may be what killed it. */
  closeDead(worker: string): Promise<LostJob[]>;
  /** Returns the jobs that ended. */
  endAbandoned(owner: string): Promise<string[]>;
  /** The connections of an API process's accepted jobs are lost with it. */
  recordLost(owner: string): Promise<void>;
  /** Jobs that this worker runs and that somebody has asked to stop. */
  stops(worker: string): Promise<{ job_id: string; cancel_reason: string }[]>;
  openPeriods(): Promise<void>;
  overflowNow(down: string, up: readonly string[]): Promise<void>;
  reroute(down: string, up: readonly string[], page: number, checkMs: number): Promise<MoveRow[]>;
  /** Jobs of waiting callers at a provider that is down, which may go to none that is up. */
  stranded(down: string, up: readonly string[], page: number): Promise<StrandedJob[]>;
  overflow(toProvider: string, checkMs: number): Promise<MoveRow[]>;
  /** Wakes a page of waiting jobs after entries may have been lost; how many, 0 when it is done. */
  wakeForEpoch(epoch: string, page: number): Promise<number>;
}

/** Binds the statements to a pool. */
export function sweepStatements(pool: Pool): SweepStatements {
  const rows = async <Row>(text: string, values: readonly unknown[]): Promise<Row[]> => {
    const result = await pool.query({ text, values: [...values] });
    return result.rows as Row[];
  };
  return {
    fleet: () =>
      rows(
        `select p.id, p.kind, p.beat, ${leaseIsHeld("$1")}
           or (p.kind = 'api'
             and greatest(p.beat_at, pg_postmaster_start_time()) > now() - interval '2 s') as locked
         from processes p
         union all
         -- Declared dead and forgotten by one sweeper, a worker may have claimed once more.
         select distinct a.worker, 'worker', 0::bigint, false from attempts a
         where not exists (select from processes p where p.id = a.worker)`,
        [PROCESS_LOCK],
      ),
    forget: async (process) => {
      await rows("delete from processes where id = $1", [process]);
    },
    due: (page) => rows("select * from sweep_waiting($1)", [page]),
    closeLost: (worker, running, minAgeMs, page) =>
      rows("select * from close_lost_attempts($1, $2, $3, $4, false)", [
        worker,
        running,
        minAgeMs,
        page,
      ]),
    closeDead: (worker) =>
      rows("select * from close_lost_attempts($1, '{}', 0, null, true)", [worker]),
    endAbandoned: async (owner) => {
      const ended = await rows<{ job_id: string }>("select end_orphans($1) as job_id", [owner]);
      return ended.map(({ job_id }) => job_id);
    },
    recordLost: async (owner) => {
      await rows("select note_lost(null, $1)", [owner]);
    },
    stops: (worker) =>
      rows(
        `select j.id as job_id, j.cancel_reason from attempts a join jobs j on j.id = a.job_id
         where a.worker = $1 and j.cancel_reason is not null`,
        [worker],
      ),
    openPeriods: async () => {
      await rows("select open_budget_periods()", []);
    },
    overflowNow: async (down, up) => {
      await rows("select overflow_now($1, $2)", [down, up]);
    },
    reroute: (down, up, page, checkMs) =>
      rows("select * from reroute_jobs($1, $2, $3, $4)", [down, up, page, checkMs]),
    stranded: (down, up, page) =>
      rows(
        `select j.id as job_id, j.place, j.owner from jobs j
         where j.state = 'waiting' and j.provider = $1 and (j.interactive or j.waiter is not null)
           and not exists (
             select from jsonb_array_elements(j.plan) as t(item)
             where t.item ->> 'provider' = any ($2)
               and (t.item ->> 'role' = 'serve' or j.overflow_on_failure or j.overflow_at is not null)
               and (j.residency = 'any' or t.item ->> 'location' = 'local'))
         order by j.accepted_at limit $3`,
        [down, up, page],
      ),
    overflow: (to, checkMs) => rows("select * from overflow_jobs($1, $2)", [to, checkMs]),
    wakeForEpoch: async (epoch, page) => {
      const [row] = await rows<{ woken: number }>("select wake_for_epoch($1, $2) as woken", [
        epoch,
        page,
      ]);
      return row?.woken ?? 0;
    },
  };
}
