import { slotLock } from "../../../shared/processes/advisory-locks.ts";
import { newId } from "../../../shared/contracts/new-id.ts";
import { ProcessLease } from "../../../shared/processes/process-lease.ts";
import { SlotLeases } from "../../../workers/slots/slot-leases.ts";
import type { SeededDatabase } from "../db/seed.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

/** The parts are put together as in a worker process, on a session of their own. */
export interface FleetWorker {
  readonly lease: ProcessLease;
  readonly slots: SlotLeases;
  /** The newest share by provider. */
  readonly shares: Map<string, number>;
  /** The database's list of slots whose locks its session holds, busy ones included. */
  held(provider: string): Promise<number[]>;
  /** Ends its session as a crash would; with `forGood`, it cannot make another. */
  loseSession(forGood?: boolean): Promise<void>;
  /** Gives everything back, as a worker process does when it stops. */
  leave(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a worker whose lease is probed often; the test itself refreshes its slots. */
export async function startFleetWorker(
  seeded: SeededDatabase,
  providers: readonly string[],
  now: () => number = Date.now,
  hasEnded: () => boolean = () => true,
): Promise<FleetWorker> {
  const { pool } = seeded.database;
  const { hostname, port } = new URL(seeded.test.url);
  const proxy = await startTcpProxy(hostname, Number(port));
  const shares = new Map<string, number>();
  const slots = new SlotLeases({
    providers,
    onShare: (provider, share) => shares.set(provider, share),
    now,
    place: { machine: "test", pid: 1 },
    hasEnded,
  });
  let backend: number | undefined;
  const lease = new ProcessLease({
    directUrl: proxy.through(seeded.test.url),
    id: newId("worker"),
    kind: "worker",
    inFleet: false,
    async onHeld(session) {
      const { rows } = await session.client.query<{ pid: number }>(
        "select pg_backend_pid() as pid",
      );
      backend = rows[0]?.pid;
      slots.held(session);
    },
    onLost() {
      backend = undefined;
      slots.lost();
    },
    probeMs: 50,
  });
  await lease.start();
  return {
    lease,
    slots,
    shares,
    async held(provider) {
      const { rows: ids } = await pool.query<{ id: number }>(
        "select id from providers where name = $1",
        [provider],
      );
      const { rows } = await pool.query<{ slot: number }>(
        `select objid::integer as slot from pg_locks
         where locktype = 'advisory' and granted and pid = $1 and classid = $2::oid order by 1`,
        [backend, slotLock(ids[0]?.id ?? 0)],
      );
      return rows.map(({ slot }) => slot);
    },
    async loseSession(forGood = false) {
      if (forGood) proxy.fault = "refuse";
      await pool.query("select pg_terminate_backend($1, 5000)", [backend]);
    },
    async leave() {
      await slots.releaseAll();
      await lease.stop();
    },
    async stop() {
      await lease.stop();
      await proxy.close();
    },
  };
}
