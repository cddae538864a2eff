import type { Pool } from "pg";
import { statement } from "../db/statement.ts";
import { leaseIsHeld, PROCESS_LOCK } from "./advisory-locks.ts";

type Query = Pick<Pool, "query">;

export interface FleetProcess {
  readonly id: string;
  readonly kind: "api" | "worker";
  readonly beat: bigint;
  /**
   * The lock of the process's lease is held: the process lives, or is frozen. An API process
   * without the lock has two seconds to make a new session, as after a restart of the database.
   */
  readonly locked: boolean;
}

/** Reads all registered processes, and workers that are not registered but have attempts. */
export async function listFleet(pool: Query): Promise<FleetProcess[]> {
  const { rows } = await pool.query<FleetProcess>(
    statement(
      "list_fleet",
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
  );
  return rows;
}

/**
 * Counts the registered processes of that kind. The count is at least 1, since one of them asks.
 */
export async function countProcesses(pool: Query, kind: FleetProcess["kind"]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    statement(
      "count_processes",
      "select count(*)::integer as count from processes where kind = $1",
      [kind],
    ),
  );
  return Math.max(1, rows[0]?.count ?? 1);
}

/** Removes a dead process from the fleet. */
export async function forgetProcess(pool: Query, id: string): Promise<void> {
  await pool.query(statement("forget_process", "delete from processes where id = $1", [id]));
}
