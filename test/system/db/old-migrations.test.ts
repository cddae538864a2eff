import { expect, test } from "vitest";
import { checkMigrated } from "../../../shared/db/check-migrated.ts";
import { migrate } from "../../../shared/db/migrate.ts";
import { emptyDatabase, functionTexts, oldDatabase, wholeSchema } from "./schema-rig.ts";

test("a database that the old migrations made becomes what a new one is", async () => {
  const [old, fresh] = await Promise.all([oldDatabase(), emptyDatabase()]);
  await migrate(fresh.url);
  await expect(checkMigrated(old.url)).rejects.toThrow("run `spillway migrate` first");
  expect(await migrate(old.url)).toMatchObject({ tables: ["0012_comments"] });
  expect(await wholeSchema(old.client)).toEqual(await wholeSchema(fresh.client));
  await checkMigrated(old.url);
  expect(await migrate(old.url)).toEqual({ tables: [], functions: [] });
});

/** These functions have changed on purpose since then, or are gone. */
const changedSince: ReadonlySet<string> = new Set(["attach_lost(text,bytea,text,integer)"]);

/** Names that have changed since then, and nothing else with them. */
const renamedSince: Readonly<Record<string, string>> = {
  end_orphans: "end_jobs_of_dead_owner",
  note_accepted_end: "record_accepted_end",
  note_held: "record_held_jobs",
  note_lost: "record_lost_jobs",
  note_webhook_attempt: "record_webhook_attempt",
  noted: "opened",
};

function withNewNames(text: string): string {
  return text.replaceAll(/\w+/g, (word) => renamedSince[word] ?? word);
}

/** A definition without its comments and line ends. */
function withoutComments(text: string): string {
  return text
    .replaceAll(/--.*$/gm, "")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([()]) ?/g, "$1");
}

test("the other functions are as the old migrations made them", async () => {
  const [old, fresh] = await Promise.all([oldDatabase(), emptyDatabase()]);
  await migrate(fresh.url);
  const before = await functionTexts(old.client);
  const after = await functionTexts(fresh.client);
  for (const [signature, text] of Object.entries(before))
    if (!changedSince.has(signature))
      expect(withoutComments(after[withNewNames(signature)] ?? "")).toBe(
        withNewNames(withoutComments(text)),
      );
});

test("a database that only some of the old migrations made is refused and left as it is", async () => {
  const { url, client } = await oldDatabase(22);
  const before = await wholeSchema(client);
  await expect(migrate(url)).rejects.toThrow("22 of 29 migrations");
  await expect(checkMigrated(url)).rejects.toThrow("run `spillway migrate` first");
  expect(await wholeSchema(client)).toEqual(before);
});
