import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKeyAuth } from "../../../api/auth/key-auth.ts";
import { keyCommand } from "../../../cli/commands/key-command.ts";
import { openDatabase } from "../../../shared/db/database.ts";
import { type BrokerDatabase, jobOf, openBrokerDatabase } from "./broker-database.ts";

let broker: BrokerDatabase;
beforeAll(async () => {
  broker = await openBrokerDatabase();
});
afterAll(() => broker[Symbol.asyncDispose]());

let open = 0;

/** Runs `spillway key …` with a connection of its own; returns its output. */
async function run(...words: string[]): Promise<string> {
  const stdout = new PassThrough();
  const command = keyCommand({
    stdout,
    async connect() {
      const database = openDatabase({
        connectionString: broker.url,
        maxConnections: 1,
        applicationName: "cli",
        onIdleError: () => undefined,
      });
      open++;
      return {
        database,
        async close() {
          await database.close();
          open--;
        },
      };
    },
  });
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput({ writeErr: () => undefined });
  await command.parseAsync(words, { from: "user" });
  stdout.end();
  return await text(stdout);
}

const runJson = async (...words: string[]) =>
  JSON.parse(await run(...words, "--json")) as Record<string, unknown> & { id: string };

test("a key is made, listed, changed and revoked from the command line", async () => {
  const made = await run(
    "create",
    "--name",
    "nightly job",
    "--model",
    "chat-small",
    "--model",
    "embed",
    "--residency",
    "local",
    "--max-service-tier",
    "flex",
    "--budget-usd",
    "12.5",
    "--budget-period",
    "month",
    "--expires-at",
    "2999-01-01T00:00:00Z",
  );
  const secret = /sk-[\w-]{43}/.exec(made)?.[0] ?? "";
  expect(made.split(secret)).toHaveLength(2);
  expect(made).toContain("not shown again");
  const caller = await createKeyAuth({ pool: broker.database.pool }).authenticate(
    `Bearer ${secret}`,
  );
  expect(caller).toMatchObject({ name: "nightly job", residency: "local", budgeted: true });

  const list = await run("list");
  for (const shown of [
    caller.id,
    "nightly job",
    "chat-small embed",
    "12.5 USD/month",
    "2999-01-01",
  ])
    expect(list).toContain(shown);
  expect(list).not.toContain(secret);

  await run(
    "update",
    caller.id,
    "--name",
    "hourly job",
    "--all-models",
    "--no-budget",
    "--no-expires-at",
  );
  expect((await runJson("list"))["data"]).toMatchObject([
    {
      id: caller.id,
      name: "hourly job",
      models: null,
      residency: "local",
      budget: null,
      expires_at: null,
    },
  ]);

  await broker.database.accept.submit(jobOf(caller.id, 0n));
  expect(await run("revoke", caller.id)).toBe(
    `Revoked ${caller.id}. Waiting jobs that ended: 1.\n`,
  );
  expect(await run("list")).toMatch(/revoked/);
  expect(open).toBe(0);
});

test("--json prints what the HTTP API answers", async () => {
  const made = await runJson("create", "--name", "app");
  expect(made).toMatchObject({
    object: "key",
    name: "app",
    key: expect.stringMatching(/^sk-/),
    models: null,
    residency: "any",
    max_service_tier: "priority",
    budget: null,
  });
  const changed = await runJson(
    "update",
    made.id,
    "--budget-usd",
    "0.000000001",
    "--budget-period",
    "total",
  );
  expect(changed["budget"]).toMatchObject({ limit_usd: "0.000000001", period: "total" });
  expect(await runJson("update", made.id, "--budget-usd", "2")).toMatchObject({
    budget: { limit_usd: "2", period: "total" },
  });
  expect(await runJson("revoke", made.id)).toEqual({ id: made.id, object: "key", deleted: true });
});

test.each([
  [["create", "--name", "n", "--budget-usd", "1"], "budget.period"],
  [["create", "--name", "n", "--budget-usd=-1", "--budget-period", "day"], "budget.limit_usd"],
  [["create", "--name", "n", "--residency", "moon"], "residency"],
  [["create", "--name", "n", "--expires-at", "2001-01-01T00:00:00Z"], "expires_at"],
  [["create"], "--name"],
  [["update", "key_nobody", "--name", "n"], "key_nobody"],
  [["update", "key_nobody"], "nothing to change"],
  [["revoke", "key_nobody"], "key_nobody"],
])("%j fails with a message about %s and closes the database", async (words, named) => {
  await expect(run(...words)).rejects.toThrow(named);
  expect(open).toBe(0);
});
