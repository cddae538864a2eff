import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres-server.ts";

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ max_connections: "30" });
});

afterAll(() => postgres.stop());

/** The session's end raises no error. */
async function connect(applicationName = "session", url = postgres.url): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: applicationName });
  client.on("error", () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

async function ask(client: Client, sql: string): Promise<unknown> {
  const { rows } = await client.query<{ answer: unknown }>(`select ${sql} as answer`);
  return rows[0]?.answer;
}

test("it is migrated, with the given settings", async () => {
  const client = await connect();
  expect(await ask(client, "(select count(*)::int from jobs)")).toBe(0);
  expect(await ask(client, "current_setting('max_connections')")).toBe("30");
});

test("frozen, no session is answered and none begins, until it thaws", async () => {
  const client = await connect();
  await postgres.freeze();
  await postgres.freeze();
  const answered: string[] = [];
  const inSession = ask(client, "1").then(() => answered.push("session"));
  const newSession = connect("late").then((late) =>
    ask(late, "1").then(() => answered.push("late")),
  );
  await sleep(300);
  expect(answered).toEqual([]);
  await postgres.thaw();
  await Promise.all([inSession, newSession]);
  expect(answered.toSorted()).toEqual(["late", "session"]);
});

test("stopped, it ends sessions and takes none; started again, it has its data at its address", async () => {
  const client = await connect();
  await client.query("create table kept (id int)");
  const ended = new Promise((resolve) => client.once("end", resolve));
  await postgres.stopServer();
  await ended;
  await expect(connect()).rejects.toThrow("ECONNREFUSED");
  await postgres.startServer();
  expect(await ask(await connect(), "(select count(*)::int from kept)")).toBe(0);
});

test("frozen, it can be stopped, and started again it answers", async () => {
  await postgres.freeze();
  await postgres.stopServer();
  await postgres.startServer();
  expect(await ask(await connect(), "1")).toBe(1);
});

test("sessions are terminated by their names", async () => {
  const worker = await connect("spillway-worker-lease");
  const api = await connect("spillway-api");
  const ended = new Promise((resolve) => worker.once("end", resolve));
  expect(await postgres.terminateSessions("spillway-worker%")).toBe(1);
  await ended;
  expect(await ask(api, "1")).toBe(1);
  expect(await postgres.terminateSessions()).toBe(1);
  await expect(ask(api, "1")).rejects.toThrow(/terminat|not queryable/);
});

test("through the proxy a stalled line delays a transaction, and a cut one ends it", async () => {
  const { hostname, port } = new URL(postgres.url);
  const proxy = await startTcpProxy(hostname, Number(port));
  onTestFinished(() => proxy.close());
  const client = await connect("proxied", proxy.through(postgres.url));
  proxy.fault = "stall";
  const answer = ask(client, "42");
  await sleep(100);
  proxy.fault = "none";
  expect(await answer).toBe(42);
  proxy.cutAfter(1);
  await expect(ask(client, "1")).rejects.toThrow(/ECONNRESET|terminated/);
});

test("stopped for good while frozen, nothing is left", async () => {
  const other = await startTestPostgres();
  await other.freeze();
  await other.stop();
  await expect(connect("late", other.url)).rejects.toThrow("ECONNREFUSED");
});
