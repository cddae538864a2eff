import { readFile, glob } from "node:fs/promises";
import { expect, test } from "vitest";
import { preparedStatement, statement } from "../../../../shared/db/statement.ts";

/** These calls send a text without a name. */
const unnamed = new Map([
  // The words of a transaction are their own names.
  ["shared/db/in-transaction.ts", ['"begin"', '"commit"', '"rollback"']],
  // The name of a group's statement comes from the folder of its table.
  ["shared/db/group-statement.ts", ["preparedStatement(name, text, [members])"]],
]);

/** A migration runs alone in its session, and most of what it sends are the texts of files. */
const migration = [
  "adopt-old-tables",
  "migrate",
  "pending-schema",
  "replace-functions",
  "run-file",
];
const ofMigration = new Set(migration.map((name) => `shared/db/${name}.ts`));

interface Call {
  readonly file: string;
  /** The beginning of its argument. */
  readonly argument: string;
}

/** Finds all calls of `query` in the sources. */
async function findCalls(): Promise<Call[]> {
  const calls: Call[] = [];
  for await (const file of glob("{api,cli,config,shared,workers}/**/*.ts")) {
    if (ofMigration.has(file)) continue;
    const text = await readFile(file, "utf8");
    for (const { index } of text.matchAll(/\.query(?=[<(])/g)) {
      const begin = text.indexOf("(", skipTypes(text, index + ".query".length)) + 1;
      calls.push({ file, argument: text.slice(begin, begin + 200).trimStart() });
    }
  }
  return calls;
}

/** Returns the place after the type arguments that begin here. */
function skipTypes(text: string, from: number): number {
  let depth = 0;
  for (let at = from; ; at++) {
    if (text[at] === "<") depth++;
    else if (text[at] === ">" && text[at - 1] !== "=") depth--;
    if (depth === 0) return at;
  }
}

const NAMED = /^(?:statement|preparedStatement)\(\s*"([a-z]+(?:_[a-z]+)*)",/;

test("every statement in the sources has a name", async () => {
  const calls = await findCalls();
  expect(calls.length).toBeGreaterThan(100);
  const without = calls.filter(
    ({ file, argument }) =>
      !NAMED.test(argument) &&
      !(unnamed.get(file) ?? []).some((known) => argument.startsWith(known)),
  );
  expect(without).toEqual([]);
});

test("no two statements have the same name", async () => {
  const files = new Map<string, string[]>();
  const names = (await findCalls()).flatMap(({ file, argument }) => {
    const name = NAMED.exec(argument)?.[1];
    return name === undefined ? [] : [{ name, file }];
  });
  for (const { name, file } of names) files.set(name, [...(files.get(name) ?? []), file]);
  expect([...files].filter(([, users]) => users.length > 1)).toEqual([]);
});

test("a statement's name leads its text; only a prepared one is kept by its connection", () => {
  expect(statement("find_file", "select 1")).toEqual({
    text: "/* find_file */ select 1",
    values: [],
  });
  expect(preparedStatement("read_job", "select $1", ["job"])).toEqual({
    name: "read_job",
    text: "/* read_job */ select $1",
    values: ["job"],
  });
});
