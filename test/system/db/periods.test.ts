import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import { syncProviders } from "../../../shared/providers/sync-providers.ts";

let made: TestDatabase;
let database: Database;

/** `setTime` sets the database's `now()`; the time zone of its session is not UTC. */
beforeEach(async () => {
  made = await createTestDatabase();
  const url = new URL(made.url);
  url.searchParams.set(
    "options",
    "-c search_path=clock,public,pg_catalog -c timezone=America/New_York",
  );
  database = openDatabase({
    connectionString: url.toString(),
    maxConnections: 3,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  await database.pool.query(`
    create schema clock;
    create table clock.time as select pg_catalog.now() as t;
    create function clock.now() returns timestamptz language sql stable as 'select t from clock.time';
  `);
  await syncProviders(database.pool, [
    { name: "gpu-a", location: "local", slots: 4 },
    { name: "gpu-b", location: "local", slots: 4 },
  ]);
});

afterEach(async () => {
  await database.close();
  await made.drop();
});

async function setTime(time: string): Promise<void> {
  await database.pool.query("update clock.time set t = $1", [time]);
}

async function makeKey(period: string, limitNanos = 1_000n): Promise<void> {
  await database.pool.query(
    "insert into keys (id, hash, hint, name, created_at) values ('key', $1, 'h', 'n', now())",
    [createHash("sha256").update("key").digest()],
  );
  await database.pool.query(
    "insert into budgets (key_id, limit_nanos, period) values ('key', $1, $2)",
    [limitNanos, period],
  );
}

async function periods() {
  const { rows } = await database.pool.query<{
    starts: string;
    ends: string;
    settled: bigint;
    held: bigint;
  }>(
    `select (starts_at at time zone 'UTC')::text as starts, (ends_at at time zone 'UTC')::text as ends,
       settled_nanos as settled, held_nanos as held
     from budget_periods order by starts_at`,
  );
  return rows;
}

async function accept(id: string, hold: bigint, deadlineMs = 10 * 86_400_000) {
  return await database.accept.submit(
    acceptMember(id, "key", [hold, hold], { deadline_ms: deadlineMs }),
  );
}

describe("periods are those of the UTC calendar, the current one and the next", () => {
  test.each([
    ["day", "2027-03-14T23:59:59.999Z", ["2027-03-14", "2027-03-15", "2027-03-16"]],
    ["day", "2027-12-31T23:59:59Z", ["2027-12-31", "2028-01-01", "2028-01-02"]],
    ["day", "2028-02-28T12:00:00Z", ["2028-02-28", "2028-02-29", "2028-03-01"]],
    // The session's clocks change on this day.
    ["day", "2027-03-14T05:30:00Z", ["2027-03-14", "2027-03-15", "2027-03-16"]],
    ["day", "2027-11-07T05:30:00Z", ["2027-11-07", "2027-11-08", "2027-11-09"]],
    // Weeks begin on Monday, also over the end of a year.
    ["week", "2027-01-03T23:59:59Z", ["2026-12-28", "2027-01-04", "2027-01-11"]],
    ["week", "2027-01-04T00:00:00Z", ["2027-01-04", "2027-01-11", "2027-01-18"]],
    ["month", "2027-12-31T23:59:59Z", ["2027-12-01", "2028-01-01", "2028-02-01"]],
    ["month", "2028-01-31T00:00:00Z", ["2028-01-01", "2028-02-01", "2028-03-01"]],
    ["month", "2027-03-14T08:00:00Z", ["2027-03-01", "2027-04-01", "2027-05-01"]],
  ])("%s at %s", async (period, time, [starts, turns, ends]) => {
    await setTime(time);
    await makeKey(period);
    await database.pool.query("select open_budget_periods()");
    expect(await periods()).toEqual([
      { starts: `${starts} 00:00:00`, ends: `${turns} 00:00:00`, settled: 0n, held: 0n },
      { starts: `${turns} 00:00:00`, ends: `${ends} 00:00:00`, settled: 0n, held: 0n },
    ]);
    // When any other process makes them a second time, nothing changes.
    await database.pool.query("select open_budget_periods()");
    expect(await periods()).toHaveLength(2);
  });

  test("a total has one period without end", async () => {
    await makeKey("total");
    await database.pool.query("select open_budget_periods()");
    expect(await periods()).toEqual([
      { starts: "-infinity", ends: "infinity", settled: 0n, held: 0n },
    ]);
  });
});

describe("at the boundary", () => {
  test("the first instant of a period is in it, the last instant of the one before is not", async () => {
    await makeKey("month");
    await setTime("2027-12-31T23:59:59.999999Z");
    expect((await accept("job_1", 1_000n)).verdict).toBe("accepted");
    const refused = await accept("job_2", 1n);
    expect(refused).toMatchObject({ verdict: "budget", free_nanos: 0n });
    expect(refused.resets_at?.toISOString()).toBe("2028-01-01T00:00:00.000Z");
    await setTime("2028-01-01T00:00:00Z");
    expect((await accept("job_3", 1_000n)).verdict).toBe("accepted");
    expect((await accept("job_4", 1n)).verdict).toBe("budget");
  });

  test("a job that straddles it is charged once, to the period that admitted it", async () => {
    await makeKey("day");
    await setTime("2027-12-31T23:59:00Z");
    await accept("job", 600n);
    await database.claim.submit({
      job: "job",
      place: 0,
      provider: "gpu-a",
      nonce: "n",
      worker: "w",
    });
    await setTime("2028-01-01T00:01:00Z");
    await accept("next", 1_000n);
    // The job fails, moves and ends in the new year.
    const move = { job: "job", place: 0, fence: 1, target: 1, delay_ms: 0, check_ms: 1_000 };
    expect(await database.move.submit({ ...move, ...ledgerEntry("failed", 100n) })).toMatchObject({
      verdict: "moved",
    });
    expect((await periods()).map(({ settled, held }) => [settled, held])).toEqual([
      [100n, 600n],
      [0n, 1_000n],
    ]);
    await database.claim.submit({
      job: "job",
      place: 1,
      provider: "gpu-b",
      nonce: "m",
      worker: "w",
    });
    await database.settle.submit({
      job: "job",
      fence: 2,
      state: "done",
      ...ledgerEntry("ok", 500n),
    });
    expect((await periods()).map(({ settled, held }) => [settled, held])).toEqual([
      [600n, 0n],
      [0n, 1_000n],
    ]);
  });

  test("a key that slept for months finds its period when it comes back", async () => {
    await makeKey("month");
    await setTime("2027-01-15T00:00:00Z");
    await accept("job_1", 1_000n);
    await setTime("2027-09-15T00:00:00Z");
    expect((await accept("job_2", 1_000n)).verdict).toBe("accepted");
    expect((await accept("job_3", 1n)).verdict).toBe("budget");
  });
});
