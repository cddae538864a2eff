import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newId } from "../../../shared/contracts/new-id.ts";
import { ProcessLease, type ProcessLeaseOptions } from "../../../shared/processes/process-lease.ts";
import {
  forgetProcess,
  listFleet,
  type FleetProcess,
} from "../../../shared/processes/fleet-processes.ts";
import { eventually } from "../../support/eventually.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { seededDatabase, type SeededDatabase } from "./seed.ts";

let seeded: SeededDatabase;
let proxy: TcpProxy;
let leases: ProcessLease[];

beforeEach(async () => {
  seeded = await seededDatabase();
  const { hostname, port } = new URL(seeded.test.url);
  proxy = await startTcpProxy(hostname, Number(port));
  leases = [];
});

afterEach(async () => {
  for (const lease of leases) await lease.stop();
  await proxy.close();
  await seeded.close();
});

interface Watched {
  readonly lease: ProcessLease;
  readonly events: string[];
}

function make(options: Partial<ProcessLeaseOptions> = {}): Watched {
  const events: string[] = [];
  const lease = new ProcessLease({
    directUrl: proxy.through(seeded.test.url),
    id: newId("worker"),
    kind: "worker",
    inFleet: false,
    onHeld: ({ id }) => void events.push(`held ${id === lease.id ? "as itself" : id}`),
    onLost: () => void events.push("lost"),
    probeMs: 30,
    ...options,
  });
  leases.push(lease);
  return { lease, events };
}

async function fleet(): Promise<FleetProcess[]> {
  return await listFleet(seeded.database.pool);
}

async function terminate(): Promise<void> {
  await seeded.database.pool.query(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity
     where application_name = 'spillway-worker-lease' and datname = current_database()`,
  );
}

/** Stands in for a pooler: a query for the backend's number finds the number in the table. */
async function pooledUrl(next: string): Promise<string> {
  await seeded.database.pool.query(`
    create schema pooler;
    create table pooler.backend as select 1 as number;
    create function pooler.pg_backend_pid() returns integer volatile language sql as
      'update pooler.backend set number = ${next} returning number';
  `);
  const url = new URL(proxy.through(seeded.test.url));
  url.searchParams.set("options", "-c search_path=pooler,public,pg_catalog");
  return url.toString();
}

describe("a held lease", () => {
  test("is a row with a lock that others see, and a beat that goes on", async () => {
    const { lease, events } = make();
    await lease.start();
    expect(events).toEqual(["held as itself"]);
    const [first] = await fleet();
    expect(first).toMatchObject({ id: lease.id, kind: "worker", locked: true });
    await eventually(async () => {
      const [now] = await fleet();
      expect(now?.beat).toBeGreaterThan((first?.beat ?? 0n) + 2n);
    });
  });

  test("stopped, it leaves neither row nor session", async () => {
    const { lease, events } = make();
    await lease.start();
    await lease.stop();
    expect(await fleet()).toEqual([]);
    expect(lease.session).toBeUndefined();
    await eventually(async () => {
      const { rows } = await seeded.database.pool.query(
        "select from pg_stat_activity where application_name = 'spillway-worker-lease' and datname = current_database()",
      );
      expect(rows).toHaveLength(0);
    });
    expect(events).toEqual(["held as itself"]);
    await lease.stop();
  });
});

describe("a lost session", () => {
  test("is told once, and the lease is held again under the same name", async () => {
    const { lease, events } = make();
    await lease.start();
    await terminate();
    await eventually(() => expect(events).toEqual(["held as itself", "lost", "held as itself"]));
    expect(await fleet()).toMatchObject([{ id: lease.id, locked: true }]);
  });

  test("is made again at once, not at the next beat", async () => {
    const { lease, events } = make({ probeMs: 3_600_000 });
    await lease.start();
    await terminate();
    await eventually(() => expect(events).toEqual(["held as itself", "lost", "held as itself"]));
  });

  test("between the two, others see a process without its lock", async () => {
    const { lease, events } = make();
    await lease.start();
    proxy.fault = "refuse";
    await terminate();
    await eventually(() => expect(events).toContain("lost"));
    expect(lease.session).toBeUndefined();
    expect(await fleet()).toMatchObject([{ id: lease.id, locked: false }]);
    proxy.fault = "none";
    await eventually(() => expect(events).toEqual(["held as itself", "lost", "held as itself"]));
    expect(await fleet()).toMatchObject([{ id: lease.id, locked: true }]);
  });

  test("an API process has two seconds to come back before it counts as unlocked", async () => {
    const { lease, events } = make({ kind: "api" });
    await lease.start();
    proxy.fault = "refuse";
    proxy.reset();
    await eventually(() => expect(events).toContain("lost"));
    expect(await fleet()).toMatchObject([{ locked: true }]);
    await seeded.database.pool.query("update processes set beat_at = now() - interval '2 s'");
    expect(await fleet()).toMatchObject([{ locked: false }]);
  });

  test("a line that swallows everything is noticed by the unanswered beat", async () => {
    const { lease, events } = make();
    await lease.start();
    proxy.fault = "drop";
    await eventually(() => expect(events).toContain("lost"));
    expect(lease.session).toBeUndefined();
    proxy.fault = "none";
    proxy.reset();
    await eventually(() => expect(events.at(-1)).toBe("held as itself"));
    expect((await fleet()).map(({ locked }) => locked)).toEqual([true]);
  });

  test("declared dead by another, it begins again", async () => {
    const { lease, events } = make();
    await lease.start();
    await forgetProcess(seeded.database.pool, lease.id);
    await eventually(() => expect(events).toEqual(["held as itself", "lost", "held as itself"]));
    expect(await fleet()).toMatchObject([{ id: lease.id, locked: true }]);
  });

  test("stopped while the database is away, it ends all the same", async () => {
    const { lease, events } = make();
    await lease.start();
    proxy.fault = "refuse";
    proxy.reset();
    await eventually(() => expect(events).toContain("lost"));
    await lease.stop();
    expect(events).toEqual(["held as itself", "lost"]);
  });
});

describe("a lease that cannot be had", () => {
  test("an unreachable database: start rejects", async () => {
    proxy.fault = "refuse";
    const { lease, events } = make();
    await expect(lease.start()).rejects.toThrow(/ECONNRESET|terminated/);
    expect(events).toEqual([]);
  });

  test("a connection that changes its backend, as behind a pooler: start says what to do", async () => {
    const { lease } = make({ directUrl: await pooledUrl("number + 1") });
    await expect(lease.start()).rejects.toThrow("set DATABASE_DIRECT_URL");
    expect(lease.session).toBeUndefined();
    await eventually(async () => {
      expect((await fleet()).filter(({ locked }) => locked)).toEqual([]);
    });
  });

  test("a pooler that changes it later: the lease is lost", async () => {
    let lost: Error | undefined;
    const { lease } = make({
      directUrl: await pooledUrl("number"),
      onLost: (error) => (lost = error),
    });
    await lease.start();
    await seeded.database.pool.query("update pooler.backend set number = 2");
    await eventually(() => expect(lost?.message).toContain("set DATABASE_DIRECT_URL"));
  });
});
