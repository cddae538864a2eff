import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { forgetEvents } from "../../../shared/events/forget-events.ts";
import { PostgresEventLog } from "../../../shared/events/postgres-event-log.ts";
import { seededDatabase, type SeededDatabase } from "../db/seed.ts";
import { eventually } from "../../support/eventually.ts";

let seeded: SeededDatabase;
let log: PostgresEventLog;
const errors: unknown[] = [];

beforeAll(async () => {
  seeded = await seededDatabase();
  log = new PostgresEventLog(seeded.database.pool, (error) => void errors.push(error));
});
afterAll(async () => {
  await log.close();
  await seeded.close();
});
beforeEach(async () => {
  errors.length = 0;
  await seeded.database.pool.query("truncate job_events, jobs");
});

const events = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `data: ${n}\n\n`);

async function write(job: string, count: number): Promise<void> {
  const attempt = log.attempt(job, 1);
  attempt.append(events(count));
  await attempt.flush();
}

/** Times are minutes ago; with null the job still runs. */
async function seedJob(id: string, minutes: number, endedMinutes: number | null): Promise<void> {
  await seeded.database.pool.query(
    `insert into jobs (id, key_id, endpoint, model, class, residency, interactive, stream, owner,
       state, max_attempts, provider, target, plan, input_bound, output_bound, hold_nanos,
       period_ids, accepted_at, deadline_at, overflow_on_failure, wake_at, ended_at)
     values ($1, 'key', 'chat', 'm', 1, 'any', false, true, '', $2, 1, 'a', 0, '[]', 1, 1, 0, '{}',
       now() - $3 * interval '1 min', now(), false, now(), now() - $4 * interval '1 min')`,
    [id, endedMinutes === null ? "running" : "done", minutes, endedMinutes],
  );
}
async function kept(): Promise<string[]> {
  const { rows } = await seeded.database.pool.query<{ job_id: string }>(
    "select distinct job_id from job_events order by job_id",
  );
  return rows.map(({ job_id }) => job_id);
}

test("what is lost with a database that went away ends the log; the next attempt's is whole", async () => {
  const attempt = log.attempt("job_a", 1);
  attempt.append(events(2));
  await attempt.flush();
  const terminate = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`;
  // Each try loses its connection while it waits for the lock.
  const client = await seeded.database.pool.connect();
  await client.query("begin; lock table job_events in access exclusive mode");
  attempt.append(["data: 2\n\n"]);
  const flushed = attempt.flush();
  let isOver = false;
  void flushed.then(() => (isOver = true));
  await eventually(async () => {
    await client.query(terminate);
    expect(isOver).toBe(true);
  });
  await client.query("rollback");
  client.release();
  expect(errors).toHaveLength(1);
  attempt.append(["data: 3\n\n"]);
  await attempt.flush();
  expect(await log.read("job_a", 1, 0)).toEqual(events(2));
  await write("job_b", 3);
  expect(await log.read("job_b", 1, 0)).toEqual(events(3));
});

test("a short outage of the database costs a log nothing", async () => {
  const attempt = log.attempt("job_a", 1);
  const client = await seeded.database.pool.connect();
  await client.query("begin; lock table job_events in access exclusive mode");
  attempt.append(events(2));
  // The pause is longer than a statement waits for a lock, and shorter than the time of its
  // retries.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await client.query("rollback");
  client.release();
  await attempt.flush();
  expect(await log.read("job_a", 1, 0)).toEqual(events(2));
  expect(errors).toEqual([]);
});

test("its commits do not wait for the disk, and those after it on the same connection do", async () => {
  const client = await seeded.database.pool.connect();
  await client.query(`
    set synchronous_commit = on;
    create table seen (setting text);
    create function note_setting() returns trigger language plpgsql as $$
    begin
      insert into seen values (current_setting('synchronous_commit'));
      return null;
    end $$;
    create trigger note_setting after insert on job_events
    for each statement execute function note_setting()`);
  const own = new PostgresEventLog(client, (error) => void errors.push(error));
  const attempt = own.attempt("job_a", 1);
  attempt.append(events(3));
  await attempt.flush();
  const { rows } = await client.query("select setting from seen");
  expect(rows).toEqual([{ setting: "off" }]);
  expect((await client.query("show synchronous_commit")).rows).toEqual([
    { synchronous_commit: "on" },
  ]);
  await client.query("drop trigger note_setting on job_events; reset synchronous_commit");
  client.release();
});

describe("old logs", () => {
  test("go an hour after their jobs' ends, and no others", async () => {
    await seedJob("job_1_long", 300, null);
    await seedJob("job_2_old", 200, 61);
    await seedJob("job_3_late_end", 199, 59);
    await seedJob("job_4_old", 70, 65);
    await seedJob("job_5_new", 30, 10);
    const jobs = ["1_long", "2_old", "3_late_end", "4_old", "5_new"].map((name) => `job_${name}`);
    for (const job of jobs) await write(job, 20);
    await write("job_0_of_nobody", 3);
    expect(await forgetEvents(seeded.database.pool, 200)).toBe(3);
    expect(await kept()).toEqual(["job_1_long", "job_3_late_end", "job_5_new"]);
    expect(await forgetEvents(seeded.database.pool, 200)).toBe(0);
  });

  test("go in pages", async () => {
    for (let n = 0; n < 5; n++) {
      await seedJob(`job_${n}`, 100, 90);
      await write(`job_${n}`, 3);
    }
    const pool = seeded.database.pool;
    expect([await forgetEvents(pool, 2), await kept()]).toEqual([2, ["job_2", "job_3", "job_4"]]);
    expect(await forgetEvents(pool, 2)).toBe(2);
    expect(await forgetEvents(pool, 2)).toBe(1);
    expect(await kept()).toEqual([]);
  });

  test("of great length go by and by", async () => {
    await seedJob("job_a", 100, 90);
    await seeded.database.pool.query(
      "insert into job_events select 'job_a', 1, n, 'x' from generate_series(0, 29999) n",
    );
    const pool = seeded.database.pool;
    expect(await forgetEvents(pool, 200)).toBe(200);
    expect(await kept()).toEqual(["job_a"]);
    expect(await forgetEvents(pool, 200)).toBe(1);
    expect(await kept()).toEqual([]);
  });
});
