import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { migrate } from "../../../shared/db/migrate.ts";
import { schemaText } from "../../support/schema-text.ts";
import { emptyDatabase } from "./schema-rig.ts";

test("shared/db/schema.sql is current (npm run schema writes it)", async () => {
  const { url, client } = await emptyDatabase();
  await migrate(url);
  const page = readFileSync(new URL("../../../shared/db/schema.sql", import.meta.url), "utf8");
  expect(page).toBe(await schemaText(client));
});
