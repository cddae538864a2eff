import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { readAgainIfCut } from "../../../shared/db/read-again.ts";
import { BrokerError } from "../../../shared/errors/broker-error.ts";
import { inTransaction } from "../../../shared/db/in-transaction.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let server: TestDatabase;
let looking: Database;
let database: Database;
/** Without the monitor, these errors would have ended the process. */
let unhandled: unknown[];

function open(applicationName: string): Database {
  return openDatabase({
    connectionString: server.url,
    maxConnections: 3,
    applicationName,
    onIdleError: () => undefined,
  });
}

const record = (error: unknown): void => void unhandled.push(error);

beforeAll(async () => {
  server = await createTestDatabase();
  looking = open("test-look");
  await looking.pool.query("create table marks (id integer)");
});

afterAll(async () => {
  await looking.close();
  await server.drop();
});

beforeEach(() => {
  unhandled = [];
  process.on("uncaughtExceptionMonitor", record);
  database = open("under-test");
});

afterEach(async () => {
  process.off("uncaughtExceptionMonitor", record);
  await database.close();
  await looking.pool.query("truncate marks");
});

/** Ends sessions, and waits until their processes are gone. */
async function terminate(pids: readonly number[]): Promise<void> {
  await looking.pool.query("select pg_terminate_backend(pid, 5000) from unnest($1::int[]) as pid", [
    pids,
  ]);
}

async function pidOf(client: { query: Database["pool"]["query"] }): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

const marks = async (): Promise<number[]> => {
  const { rows } = await looking.pool.query<{ id: number }>("select id from marks order by id");
  return rows.map(({ id }) => id);
};

test("a refusal inside a transaction undoes it, and is told at once", async () => {
  let runs = 0;
  const brokerError = new BrokerError("invalid_request", "not like this");
  const work = inTransaction(database.pool, async (client) => {
    runs += 1;
    await client.query("insert into marks values (1)");
    throw brokerError;
  });
  await expect(work).rejects.toBe(brokerError);
  expect([runs, await marks()]).toEqual([1, []]);
});

describe("a session that PostgreSQL ends", () => {
  test("lent out and idle: its borrower learns of it from the next statement", async () => {
    const client = await database.pool.connect();
    const lost = new Promise((resolve) => client.once("end", resolve));
    await terminate([await pidOf(client)]);
    await lost;
    await expect(client.query("select 1")).rejects.toThrow(/connection|terminat/i);
    client.release(true);
    expect(await pidOf(database.pool)).toBeGreaterThan(0);
    expect(unhandled).toEqual([]);
  });

  test("broken on its way to the borrower: another one is handed out", async () => {
    // This leaves an idle session in the pool.
    await pidOf(database.pool);
    const first = database.pool.connect();
    // A session does this when it is terminated right after it has reported that it is ready.
    database.pool.once("acquire", (client) => {
      client.emit("error", new Error("terminating connection due to administrator command"));
    });
    const client = await first;
    expect(await pidOf(client)).toBeGreaterThan(0);
    client.release();
    expect(unhandled).toEqual([]);
  });

  test("under a read: that is asked again, and then again", async () => {
    let reads = 0;
    const read = async (): Promise<number> => {
      const client = await database.pool.connect();
      reads += 1;
      try {
        if (reads < 3) await terminate([await pidOf(client)]);
        return await pidOf(client);
      } finally {
        client.release(reads < 3);
      }
    };
    expect(await readAgainIfCut(read)).toBeGreaterThan(0);
    expect(reads).toBe(3);
    expect(unhandled).toEqual([]);
  });

  test("before a transaction's commit was sent: it runs again, and takes effect once", async () => {
    let runs = 0;
    const result = await inTransaction(database.pool, async (client) => {
      runs += 1;
      await client.query("insert into marks values (1)");
      if (runs < 3) await terminate([await pidOf(client)]);
      await client.query("insert into marks values (2)");
      return runs;
    });
    expect(result).toBe(3);
    expect(await marks()).toEqual([1, 2]);
  });

  test("with the commit on its way: an error, and nothing is done twice", async () => {
    let runs = 0;
    const work = inTransaction(database.pool, async (client) => {
      runs += 1;
      await client.query("insert into marks values (1)");
      const pid = await pidOf(client);
      // The session ends between the last statement and the commit.
      const query = client.query.bind(client) as (text: string) => Promise<unknown>;
      Object.assign(client, {
        query: async (text: string) => {
          if (text === "commit") await terminate([pid]);
          return query(text);
        },
      });
    });
    await expect(work).rejects.toThrow(/connection|terminat/i);
    expect([runs, await marks()]).toEqual([1, []]);
  });

  test("in any state, hundreds of times: no error is left without somebody to hear it", async () => {
    const over = new AbortController();
    const outcomes = { whole: 0, failed: 0 };
    const borrowers = Array.from({ length: 6 }, async (_, index) => {
      while (!over.signal.aborted) {
        const work =
          index % 2 === 0
            ? inTransaction(database.pool, (client) => client.query("select 1"))
            : database.pool.query("select 1");
        await work.then(
          () => (outcomes.whole += 1),
          () => (outcomes.failed += 1),
        );
      }
    });
    let ended = 0;
    while (ended < 300) {
      const { rowCount } = await looking.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'under-test' and datname = current_database()`,
      );
      ended += rowCount ?? 0;
    }
    over.abort();
    await Promise.all(borrowers);
    expect(outcomes.whole).toBeGreaterThan(0);
    expect(unhandled).toEqual([]);
  });
});
