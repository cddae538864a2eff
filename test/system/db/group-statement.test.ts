import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { GroupStatement } from "../../../shared/db/group-statement.ts";
import { eventually } from "../../support/eventually.ts";
import { GuardedPool } from "../../../shared/postgres/guarded-pool.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { holdLock } from "./held-lock.ts";

interface Row {
  readonly id: string;
  /** The group has these ids. */
  readonly group: string[];
}

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new GuardedPool({ connectionString: database.url, max: 4 }, () => undefined);
  await pool.query(`
    create table seen (id text primary key check (id not like 'bad%'));
    create table groups (n bigint generated always as identity, ids text[]);
    create function see(members jsonb) returns table (id text, "group" text[])
    language plpgsql as $$
    declare ids text[] := array(select jsonb_array_elements(members) ->> 'id');
    begin
      insert into groups (ids) values (ids);
      insert into seen select unnest(ids);
      return query select i, ids from unnest(ids) as i;
    end $$;
  `);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

beforeEach(async () => {
  await pool.query("truncate seen, groups");
});

function statement(maxMembers?: number) {
  return new GroupStatement<{ id: string }, Row>({
    pool,
    name: "see",
    text: "select * from see($1)",
    giveUpAfterMs: 5_000,
    ...(maxMembers === undefined ? {} : { maxMembers }),
    memberKey: (member) => member.id,
    rowKey: (row) => row.id,
  });
}

async function submitAll(see: GroupStatement<{ id: string }, Row>, ids: readonly string[]) {
  return await Promise.all(ids.map((id) => see.submit({ id })));
}

describe("grouping", () => {
  test("members of one tick travel together", async () => {
    const rows = await submitAll(statement(), ["a", "b", "c"]);
    expect(rows.map(({ group }) => group)).toEqual(rows.map(() => ["a", "b", "c"]));
  });

  test("what arrives while a statement is on the wire goes together in the next group", async () => {
    const see = statement();
    await using lock = await holdLock(database.url, "lock table groups");
    const first = see.submit({ id: "first" });
    await eventually(async () => expect(await lock.waiting()).toBe(1));
    const later = [see.submit({ id: "x" }), Promise.resolve().then(() => see.submit({ id: "y" }))];
    await new Promise((resolve) => setImmediate(resolve));
    await lock.release();
    expect((await first).group).toEqual(["first"]);
    expect((await Promise.all(later)).map(({ group }) => group)).toEqual([
      ["x", "y"],
      ["x", "y"],
    ]);
  });

  test("a group is no larger than allowed, and the rest follows in order", async () => {
    const ids = Array.from({ length: 7 }, (_, index) => `m${index}`);
    const rows = await submitAll(statement(3), ids);
    expect(rows.map(({ group }) => group.length)).toEqual([3, 3, 3, 3, 3, 3, 1]);
    expect(rows.map(({ id }) => id)).toEqual(ids);
  });

  test("two members with the same key never share a group, where one row would answer both", async () => {
    const see = statement();
    const outcomes = await Promise.allSettled([
      see.submit({ id: "same" }),
      see.submit({ id: "other" }),
      see.submit({ id: "same" }),
    ]);
    // Each member has its own statement: the second finds the row that the first has written.
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(outcomes[0]).toMatchObject({ value: { group: ["same", "other"] } });
  });
});

test("a process that had no time of its own does not take its late look for a late answer", async () => {
  const see = new GroupStatement<{ id: string }, Row>({
    pool,
    name: "see",
    text: "select * from see($1)",
    giveUpAfterMs: 400,
    memberKey: (member) => member.id,
    rowKey: (row) => row.id,
  });
  await pool.query("select 1");
  const answer = see.submit({ id: "a" });
  await new Promise((resolve) => setImmediate(resolve));
  // The server answers during this pause; this thread sees its own timer first, and the answer only
  // after it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  expect((await answer).group).toEqual(["a"]);
});

describe("bad members", () => {
  test("a member that breaks a rule of the database fails alone", async () => {
    const see = statement();
    const ids = Array.from({ length: 40 }, (_, index) =>
      index % 13 === 5 ? `bad${index}` : `ok${index}`,
    );
    const outcomes = await Promise.allSettled(ids.map((id) => see.submit({ id })));
    expect(outcomes.map(({ status }) => status)).toEqual(
      ids.map((id) => (id.startsWith("bad") ? "rejected" : "fulfilled")),
    );
    expect(outcomes[5]).toMatchObject({ reason: { code: "23514" } });
    const { rows } = await pool.query("select id from seen");
    expect(rows).toHaveLength(37);
  });

  test("text that PostgreSQL cannot store fails alone", async () => {
    const see = statement();
    const outcomes = await Promise.allSettled(
      ["left", "nul \u0000", "surrogate \ud800", "right"].map((id) => see.submit({ id })),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
  });

  test("a member that the statement's answer leaves out is rejected, the others are answered", async () => {
    const deaf = new GroupStatement<{ id: string }, { id: string }>({
      pool,
      name: "deaf",
      text: "select m ->> 'id' as id from jsonb_array_elements($1) as m where m ->> 'id' <> 'lost'",
      giveUpAfterMs: 5_000,
      memberKey: (member) => member.id,
      rowKey: (row) => row.id,
    });
    const outcomes = await Promise.allSettled([
      deaf.submit({ id: "lost" }),
      deaf.submit({ id: "ok" }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });
});

describe("drain", () => {
  test("resolves at once when nothing is under way", async () => {
    await statement().drain();
  });

  test("resolves when everything submitted has been answered, and not before", async () => {
    const see = statement(2);
    let answered = 0;
    for (const id of ["a", "b", "c", "d", "e"]) void see.submit({ id }).then(() => answered++);
    await see.drain();
    expect(answered).toBe(5);
  });

  test("waits for members behind a lock", async () => {
    await pool.query("insert into seen values ('row')");
    await using patient = new DisposablePool(
      { connectionString: database.url, max: 2, lock_timeout: 20 },
      () => undefined,
    );
    const tries = vi.spyOn(patient, "query");
    const touch = new GroupStatement<{ id: string }, { id: string }>({
      pool: patient,
      name: "touch",
      text: `select id from seen
             where id in (select m ->> 'id' from jsonb_array_elements($1) as m) for update`,
      giveUpAfterMs: 5_000,
      memberKey: (member) => member.id,
      rowKey: (row) => row.id,
    });
    await using lock = await holdLock(database.url, "select from seen where id = 'row' for update");
    let isAnswered = false;
    const answer = touch.submit({ id: "row" }).then(() => (isAnswered = true));
    let isDrained = false;
    const drained = touch.drain().then(() => (isDrained = true));
    await eventually(() => expect(tries.mock.calls.length).toBeGreaterThan(2));
    expect({ isAnswered, isDrained }).toEqual({ isAnswered: false, isDrained: false });
    await lock.release();
    await drained;
    expect(isAnswered).toBe(true);
    await answer;
  });
});

class DisposablePool extends GuardedPool {
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
