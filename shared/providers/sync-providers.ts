import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/** Stores the configured providers, so that statements know their locations and slots. */
export async function syncProviders(
  pool: Pool,
  providers: readonly { name: string; location: string; slots: number }[],
): Promise<void> {
  await pool.query(
    statement(
      "sync_providers",
      `insert into providers (name, location, slots)
       select name, location, slots
       from jsonb_to_recordset($1) as p(name text, location text, slots integer)
       order by name
       on conflict (name) do update
         set location = excluded.location, slots = excluded.slots`,
      // Only these fields are sent, since a configured provider also has its credential.
      [JSON.stringify(providers.map(({ name, location, slots }) => ({ name, location, slots })))],
    ),
  );
}
