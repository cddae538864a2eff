import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../../shared/db/migrate.ts";
import { startCommand } from "../process/broker-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type HeldLock, holdLock } from "./held-lock.ts";
import { type BareDatabase, emptyDatabase, oldDatabase, wholeSchema } from "./schema-rig.ts";

/** Keeps a migration of an old database from replacing the trigger of the ledger. */
async function standInTheWay({ url }: BareDatabase): Promise<HeldLock> {
  const held = await holdLock(url, "lock table ledger in row exclusive mode");
  onTestFinished(() => held.release());
  return held;
}

const untilOneWaits = (held: HeldLock): Promise<void> =>
  eventually(async () => expect(await held.waiting()).toBe(1));

async function untilNobodyMigrates({ client }: BareDatabase): Promise<void> {
  await eventually(async () => {
    const { rowCount } = await client.query(
      `select from pg_stat_activity
       where datname = current_database() and application_name = 'spillway-migrate'`,
    );
    expect(rowCount).toBe(0);
  });
}

test("a process that is killed midway leaves the database as it was", async () => {
  const old = await oldDatabase();
  const before = await wholeSchema(old.client);
  const held = await standInTheWay(old);
  const killed = startCommand(["migrate"], { DATABASE_URL: old.url });
  await untilOneWaits(held);
  killed.signalGroup("SIGKILL");
  await killed.ended;
  await held.release();
  await untilNobodyMigrates(old);
  expect(await wholeSchema(old.client)).toEqual(before);
  expect(await migrate(old.url)).toMatchObject({ tables: ["0012_comments"] });
});

test("a session that is ended midway leaves the database as it was, and migrate says so", async () => {
  const old = await oldDatabase();
  const before = await wholeSchema(old.client);
  const held = await standInTheWay(old);
  const migrated = migrate(old.url).catch((error: unknown) => error);
  await untilOneWaits(held);
  await old.client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'spillway-migrate'`,
  );
  expect(await migrated).toMatchObject({ message: expect.stringMatching(/terminat/) });
  await untilNobodyMigrates(old);
  expect(await wholeSchema(old.client)).toEqual(before);
});

test("of two at once one waits, and both succeed", async () => {
  for (const database of [await oldDatabase(), await emptyDatabase()]) {
    const held = await holdLock(database.url, "select pg_advisory_xact_lock(7241865325823964)");
    const both = Promise.all([migrate(database.url), migrate(database.url)]);
    await eventually(async () => expect(await held.waiting()).toBe(2));
    await held.release();
    const changed = (await both).filter(({ functions }) => functions.length > 0);
    expect(changed).toHaveLength(1);
    expect(changed[0]?.tables).toContain("0012_comments");
    expect(await migrate(database.url)).toEqual({ tables: [], functions: [] });
  }
});
