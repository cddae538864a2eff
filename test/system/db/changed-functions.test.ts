import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { checkMigrated } from "../../../shared/db/check-migrated.ts";
import { migrate } from "../../../shared/db/migrate.ts";
import {
  readSchemaFiles,
  type SchemaFiles,
  type SqlFile,
} from "../../../shared/db/schema-files.ts";
import { type BareDatabase, emptyDatabase, functionTexts, wholeSchema } from "./schema-rig.ts";

function sqlFile(name: string, text: string): SqlFile {
  return { name, text, hash: createHash("sha256").update(text).digest("hex") };
}

function version(functions: Readonly<Record<string, string>>): SchemaFiles {
  return {
    tables: [sqlFile("0001_marks", "create table marks (id integer)")],
    functions: Object.entries(functions).map(([name, text]) => sqlFile(name, text)),
  };
}

const returning = (type: string, value: string, parameters = ""): string =>
  `create or replace function answer(${parameters}) returns ${type} language sql as 'select ${value}'`;

const names = async ({ client }: BareDatabase): Promise<string[]> =>
  Object.keys(await functionTexts(client)).toSorted();

async function databaseOf(files: SchemaFiles): Promise<BareDatabase> {
  const database = await emptyDatabase();
  await migrate(database.url, files);
  return database;
}

async function answer({ client }: BareDatabase, call = "answer()"): Promise<unknown> {
  const { rows } = await client.query<{ answer: unknown }>(`select ${call} as answer`);
  return rows[0]?.answer;
}

test("a function whose text has changed is replaced, also back again", async () => {
  const [one, two] = [returning("integer", "1"), returning("integer", "2")];
  const database = await databaseOf(version({ answer: one }));
  for (const [text, value] of [
    [two, 2],
    [one, 1],
  ] as const) {
    const next = version({ answer: text });
    await expect(checkMigrated(database.url, next)).rejects.toThrow(
      "other texts of 1 of this version's functions, among them answer: run `spillway migrate` first",
    );
    expect(await migrate(database.url, next)).toEqual({ tables: [], functions: ["answer"] });
    expect(await answer(database)).toBe(value);
    await checkMigrated(database.url, next);
  }
});

test.each([
  {
    what: "another return type",
    old: returning("integer", "1"),
    new: returning("text", "''2''"),
    call: "answer()",
    value: "2",
  },
  {
    what: "other parameter types",
    old: returning("integer", "1"),
    new: returning("integer", "2", "of text"),
    call: "answer('x')",
    value: 2,
  },
  {
    what: "fewer parameters",
    old: returning("integer", "1", "of text"),
    new: returning("integer", "2"),
    call: "answer()",
    value: 2,
  },
  {
    what: "another parameter name",
    old: returning("integer", "1", "of integer"),
    new: returning("integer", "it", "it integer"),
    call: "answer(2)",
    value: 2,
  },
])("a function with $what takes the old one's place", async ({ old, new: text, call, value }) => {
  const database = await databaseOf(version({ answer: old }));
  await migrate(database.url, version({ answer: text }));
  expect(await names(database)).toHaveLength(1);
  expect(await answer(database, call)).toBe(value);
});

test("a function whose file is gone is dropped; one that is not of the files stays", async () => {
  const database = await databaseOf(
    version({
      answer: returning("integer", "1"),
      question: "create function question() returns void language sql as ''",
    }),
  );
  await database.client.query("create function foreign_one() returns void language sql as ''");
  const next = version({ answer: returning("integer", "1") });
  expect(await migrate(database.url, next)).toEqual({ tables: [], functions: ["question"] });
  expect(await names(database)).toEqual(["answer()", "foreign_one()"]);
});

test("an earlier release neither refuses nor undoes what a newer one has done", async () => {
  const database = await databaseOf(version({ answer: returning("integer", "2") }));
  const [major = ""] = packageJson.version.split(".");
  await database.client.query("update spillway_functions set release = $1", [
    `${Number(major) + 9}.0.0`,
  ]);
  const earlier = version({ answer: returning("integer", "1"), gone: returning("integer", "1") });
  await checkMigrated(database.url, earlier);
  expect(await migrate(database.url, earlier)).toEqual({ tables: [], functions: [] });
  expect(await answer(database)).toBe(2);
});

test("a file that fails is named, and nothing of the migration stays", async () => {
  const database = await databaseOf(version({ answer: returning("integer", "1") }));
  const before = await wholeSchema(database.client);
  const { tables, functions } = version({ answer: "create functoin" });
  const broken = { tables: [...tables, sqlFile("0002_more", "create table more ()")], functions };
  await expect(migrate(database.url, broken)).rejects.toThrow(/^answer\.sql: syntax error/);
  expect(await wholeSchema(database.client)).toEqual(before);
});

test("a file of tables must not precede those that have run", async () => {
  const { tables, functions } = version({});
  const database = await databaseOf({ tables, functions });
  const late = { tables: [sqlFile("0000_late", "create table late ()"), ...tables], functions };
  await expect(migrate(database.url, late)).rejects.toThrow("0000_late.sql precedes files");
});

test("each file of functions/ makes one function, which has the file's name and a sound body", async () => {
  const { functions } = await readSchemaFiles();
  const { url, client } = await emptyDatabase();
  await migrate(url);
  const made = Object.keys(await functionTexts(client)).map((signature) =>
    signature.replace(/\(.*/, ""),
  );
  expect(made.toSorted()).toEqual(functions.map(({ name }) => name));
  // All functions exist now, so PostgreSQL checks the bodies of those in SQL.
  for (const { text } of functions) await client.query(text);
});
