import { writeFile } from "node:fs/promises";
import { Client } from "pg";
import { configJsonSchema } from "../../config/json-schema.ts";
import { migrate } from "../../shared/db/migrate.ts";
import { schemaText } from "./schema-text.ts";
import { startThrowAwayPostgres } from "./throw-away-postgres.ts";

/** `npm run schema`: writes the pages that are made from other files. */
const root = new URL("../../", import.meta.url);
await writeFile(
  new URL("config/spillway.schema.json", root),
  `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
);

const postgres = await startThrowAwayPostgres();
try {
  await migrate(postgres.url);
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  await writeFile(new URL("shared/db/schema.sql", root), await schemaText(client));
  await client.end();
} finally {
  await postgres.stop();
}
