import { once } from "node:events";
import { connect } from "node:net";
import { Pool } from "pg";
import { expect, test } from "vitest";
import {
  classifyDatabaseError,
  type DatabaseFailure,
} from "../../../../shared/db/classify-database-error.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";
import { GroupStatement } from "../../../../shared/db/group-statement.ts";
import { UnansweredError } from "../../../../shared/db/unanswered-error.ts";

async function refusedConnection(): Promise<unknown> {
  const [error] = await once(connect(1, "127.0.0.1"), "error").catch((thrown: unknown) => [thrown]);
  return error;
}

async function endedPool(): Promise<unknown> {
  const pool = new Pool();
  await pool.end();
  return await pool.query("select 1").catch((error: unknown) => error);
}

const coded = (code: string): Error => Object.assign(new Error("told by the server"), { code });

test.each<[what: string, error: unknown, failure: DatabaseFailure]>([
  ["a refused connection", await refusedConnection(), "connection"],
  ["a pool that is closed", await endedPool(), "connection"],
  ["a certificate that is not trusted", coded("SELF_SIGNED_CERT_IN_CHAIN"), "connection"],
  ["a cut session", new Error("Connection terminated unexpectedly"), "connection"],
  ["no free connection", new Error("timeout exceeded when trying to connect"), "connection"],
  ["a server that starts", coded("57P03"), "connection"],
  ["no answer in time", new UnansweredError("accept_jobs", 2_000, undefined), "busy"],
  ["a statement that took too long", coded("57014"), "busy"],
  ["a deadlock", coded("40P01"), "conflict"],
  ["a broken rule", coded("23514"), "data"],
  ["a mistake of the language", new TypeError("x is not a function"), "data"],
  [
    "one that carries a code",
    Object.assign(new TypeError("x"), { code: "ERR_INVALID_ARG_TYPE" }),
    "data",
  ],
  ["a mistake that was told", new Error("accept_jobs: the statement left a member out"), "data"],
  ["what is no error", "thrown", "data"],
  ["a refusal of the broker", new BrokerError("invalid_request", "not like this"), "data"],
])("%s", (_what, error, failure) => {
  expect(classifyDatabaseError(error)).toBe(failure);
});

test("a member that this program cannot even write down is rejected at once, and alone", async () => {
  const pool = { query: () => Promise.resolve({ rows: [{ id: "good" }] }) };
  const statement = new GroupStatement<{ id: string; value: unknown }, { id: string }>({
    pool: pool as unknown as Pool,
    name: "write",
    text: "select 1",
    giveUpAfterMs: 60_000,
    memberKey: ({ id }) => id,
    rowKey: ({ id }) => id,
  });
  const outcomes = await Promise.allSettled([
    statement.submit({ id: "bad", value: 1n }),
    statement.submit({ id: "good", value: 1 }),
  ]);
  expect(outcomes).toMatchObject([
    { status: "rejected", reason: expect.any(TypeError) as unknown },
    { status: "fulfilled" },
  ]);
});
