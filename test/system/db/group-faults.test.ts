import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { findKeyStatement } from "../../../shared/keys/find-key-by-hash.ts";
import { eventually } from "../../support/eventually.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { holdLock } from "./held-lock.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import { seededDatabase, seedKey, type SeededDatabase } from "./seed.ts";

let seeded: SeededDatabase;
let proxy: TcpProxy;
/** This one connects through the proxy. */
let database: Database;

beforeEach(async () => {
  seeded = await seededDatabase();
  const { hostname, port } = new URL(seeded.test.url);
  proxy = await startTcpProxy(hostname, Number(port));
  database = openDatabase({
    connectionString: proxy.through(seeded.test.url),
    maxConnections: 10,
    applicationName: "under-test",
    onIdleError: () => undefined,
  });
  await seedKey(seeded.database.pool, "key_1", 1_000_000n);
  await seedKey(seeded.database.pool, "key_2", 1_000_000n);
});

afterEach(async () => {
  proxy.fault = "none";
  await database.close();
  await proxy.close();
  await seeded.close();
});

async function heldAndSettled(): Promise<{ held: bigint; settled: bigint }> {
  const { rows } = await seeded.database.pool.query<{ held: bigint; settled: bigint }>(
    "select sum(held_nanos)::bigint as held, sum(settled_nanos)::bigint as settled from budget_periods",
  );
  return rows[0] ?? { held: 0n, settled: 0n };
}

async function counts(): Promise<Record<string, bigint>> {
  const { rows } = await seeded.database.pool.query<Record<string, bigint>>(
    `select (select count(*) from jobs) as jobs, (select count(*) from attempts) as attempts,
       (select count(*) from ledger) as ledger`,
  );
  return rows[0] ?? {};
}

const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `job_${index}`);

/** Kills the sessions of the database under test while they wait for the lock. */
async function killSessions(): Promise<void> {
  await seeded.database.pool.query(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity
     where application_name = 'under-test' and datname = current_database()`,
  );
}

/** The statement commits at the server, but its answer never arrives. */
async function lost<Row>(send: () => Promise<Row>): Promise<Row> {
  proxy.cutAfter(1);
  return await send();
}

async function timeToError(expected: RegExp, deadlineMs?: number): Promise<number> {
  const start = performance.now();
  const member = acceptMember("job", "key_1", [1n]);
  const deadline = deadlineMs === undefined ? {} : { deadline_ms: deadlineMs };
  await expect(database.accept.submit({ ...member, ...deadline })).rejects.toThrow(expected);
  return performance.now() - start;
}

describe("a lost connection", () => {
  test("before the commit: the group is sent again and takes effect once", async () => {
    const lock = await holdLock(seeded.test.url, "lock table jobs in access exclusive mode");
    const accepted = Promise.all(
      ids(20).map((id) => database.accept.submit(acceptMember(id, "key_1", [100n]))),
    );
    await eventually(async () => expect(await lock.waiting()).toBe(1));
    await killSessions();
    await lock.release();
    expect((await accepted).map(({ verdict }) => verdict)).toEqual(Array(20).fill("accepted"));
    expect(await counts()).toMatchObject({ jobs: 20n });
    expect(await heldAndSettled()).toEqual({ held: 2_000n, settled: 0n });
  });

  test("after the commit: each member learns that its job stands, and holds once", async () => {
    await database.accept.submit(acceptMember("warm", "key_1", [100n]));
    // The statement commits at the server; its answer never arrives.
    proxy.cutAfter(1);
    const rows = await Promise.all(
      ids(20).map((id) => database.accept.submit(acceptMember(id, "key_1", [100n]))),
    );
    expect(rows.map(({ verdict }) => verdict)).toEqual(Array(20).fill("already"));
    expect(await counts()).toMatchObject({ jobs: 21n });
    expect(await heldAndSettled()).toEqual({ held: 2_100n, settled: 0n });
  });

  test("every statement finds its own effect again when its answer was lost", async () => {
    await database.accept.submit(acceptMember("job", "key_1", [100n, 200n]));
    const claim = (place: number, provider: string, nonce: string) =>
      database.claim.submit({ job: "job", place, provider, nonce, worker: "w" });
    expect(await lost(() => claim(0, "gpu-a", "n1"))).toMatchObject({
      verdict: "claimed",
      fence: 1,
    });
    const move = { job: "job", place: 0, fence: 1, target: 1, delay_ms: 0, check_ms: 1_000 };
    expect(
      await lost(() => database.move.submit({ ...move, ...ledgerEntry("failed", 30n) })),
    ).toMatchObject({ verdict: "moved", place: 1, provider: "gpu-b" });
    expect(await lost(() => claim(1, "gpu-b", "n2"))).toMatchObject({
      verdict: "claimed",
      fence: 2,
    });
    expect(
      await lost(() =>
        database.settle.submit({ job: "job", fence: 2, state: "done", ...ledgerEntry("ok", 50n) }),
      ),
    ).toMatchObject({ verdict: "already", state: "done", ledger_status: "ok", cost_nanos: 80n });
    await database.accept.submit(acceptMember("other", "key_1", [100n]));
    expect(
      await lost(() =>
        database.end.submit({ job: "other", place: 0, state: "cancelled", code: "test" }),
      ),
    ).toMatchObject({ verdict: "already", state: "cancelled", error_code: "test" });
    expect(await counts()).toEqual({ jobs: 2n, attempts: 0n, ledger: 2n });
    expect(await heldAndSettled()).toEqual({ held: 0n, settled: 80n });
  });

  test("connections that are cut again and again cost time, not jobs", async () => {
    const accepted = ids(200).map((id, index) => {
      if (index % 50 === 0) proxy.cutAfter(700);
      return database.accept.submit(acceptMember(id, "key_1", [100n]));
    });
    const cutter = setInterval(() => proxy.reset(), 15);
    setTimeout(() => clearInterval(cutter), 300);
    await Promise.all(accepted);
    expect(await counts()).toMatchObject({ jobs: 200n });
    expect(await heldAndSettled()).toEqual({ held: 20_000n, settled: 0n });
  });
});

describe("an unreachable database", () => {
  test("refused connections: an accept gives up after its two seconds", async () => {
    proxy.fault = "refuse";
    // Whoever waits for longer is told that there was no answer.
    expect(await timeToError(/ECONNRESET|terminated/)).toBeGreaterThan(1_900);
  });

  test("a line that swallows everything, like a database that is too slow: at the deadline", async () => {
    await database.pool.query("select 1");
    proxy.fault = "drop";
    const took = await timeToError(/no answer within \d+ ms/, 300);
    expect(took).toBeGreaterThan(290);
    proxy.reset();
  });

  test("slow for longer than a refused connection is waited for: the job is admitted", async () => {
    await database.pool.query("select 1");
    proxy.fault = "stall";
    const accepted = database.accept.submit(acceptMember("job", "key_1", [1n]));
    const found = findKeyStatement(database.pool).submit({ hash: "00" });
    await sleep(2_300);
    proxy.fault = "none";
    expect((await accepted).verdict).toBe("accepted");
    expect((await found).id).toBeNull();
  });

  test("what must not be given up is answered when the database is back", async () => {
    await database.accept.submit(acceptMember("job", "key_1", [100n]));
    const claim = { job: "job", place: 0, provider: "gpu-a", nonce: "n", worker: "w" };
    await database.claim.submit(claim);
    proxy.fault = "refuse";
    proxy.reset();
    const settled = database.settle.submit({
      job: "job",
      fence: 1,
      state: "done",
      ...ledgerEntry("ok", 60n),
    });
    await expect(database.accept.submit(acceptMember("other", "key_1", [1n]))).rejects.toThrow(
      /ECONNRESET|terminated/,
    );
    // A try that was under way at the error would find that the database is back.
    await database.accept.drain();
    proxy.fault = "none";
    expect(await settled).toMatchObject({ verdict: "settled", cost_nanos: 60n });
    expect(await heldAndSettled()).toEqual({ held: 0n, settled: 60n });
  });
});
