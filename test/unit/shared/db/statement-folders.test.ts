import { glob, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, test } from "vitest";

/**
 * The folder that changes each table from TypeScript: `shared/` and the table's own word. A null
 * stands for a table that only functions change.
 */
const folders: Readonly<Record<string, string | null>> = {
  attempts: null,
  batch_lines: null,
  batches: "shared/batches",
  budget_periods: "shared/budgets",
  budgets: "shared/budgets",
  conversation_items: "shared/conversations",
  conversation_turns: "shared/conversations",
  conversations: "shared/conversations",
  file_chunks: "shared/files",
  files: "shared/files",
  idempotency_keys: "shared/idempotency",
  job_events: "shared/events",
  job_requests: "shared/jobs",
  job_results: null,
  jobs: null,
  keys: "shared/keys",
  ledger: null,
  processes: "shared/processes",
  providers: "shared/providers",
  queue_epoch: null,
  slot_holders: "workers/slots",
  spillway_functions: "shared/db",
  spillway_migrations: "shared/db",
  uploads: "shared/uploads",
  webhook_attempts: null,
  webhook_deliveries: "shared/webhooks",
  webhook_endpoints: "shared/webhooks",
  webhook_events: "shared/webhooks",
  wide_slot_waits: "workers/slots",
};

/** Statements that change a second table beside their own. */
const beside = new Set([
  // A batch's cap is a budget period.
  "shared/batches/create-batch.ts budget_periods",
  // An upload's part is a file that nobody sees.
  "shared/uploads/part-statements.ts files",
]);

/** Folders that hold statements on tables that only functions change, or that only read. */
const others = [
  "shared/jobs",
  "shared/ledger",
  // These ask for no table of the broker's.
  "api/routes",
  "cli/embedded-postgres",
  "cli/processes",
];

const CHANGE = /\b(?:insert into|update|delete from)\s+(?:only\s+)?([a-z_]+)\b/g;

async function readSources(): Promise<{ file: string; text: string }[]> {
  const sources = [];
  for await (const file of glob("{api,cli,config,shared,workers}/**/*.ts"))
    sources.push({ file, text: await readFile(file, "utf8") });
  return sources;
}

test("the map names every table of the schema", async () => {
  const schema = await readFile("shared/db/schema.sql", "utf8");
  const tables = Array.from(schema.matchAll(/^create table (\w+)/gm), ([, name]) => name);
  expect(Object.keys(folders)).toEqual(tables);
});

test("a table is changed only in its own folder", async () => {
  const strays = (await readSources()).flatMap(({ file, text }) =>
    Array.from(text.matchAll(CHANGE), ([, table = ""]) => table)
      .filter((table) => table in folders && folders[table] !== dirname(file))
      .map((table) => `${file} ${table}`)
      .filter((stray) => !beside.has(stray)),
  );
  expect(strays).toEqual([]);
});

test("no other folder than a table's holds statements", async () => {
  const known = new Set([...Object.values(folders), ...others]);
  const strays = (await readSources())
    .filter(({ text }) => /\b(?:s|preparedS)tatement\(\s*"/.test(text))
    .map(({ file }) => file)
    .filter((file) => !known.has(dirname(file)));
  expect(strays).toEqual([]);
});
