import { Client } from "pg";
import { statement } from "../../shared/db/statement.ts";

const PATIENCE_MS = 10_000;

/** Rejects within 10 s if the database does not let the broker in. */
export async function checkAnswers(databaseUrl: string): Promise<void> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: PATIENCE_MS,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query(statement("check_answers", "select 1"));
  } finally {
    await client.end();
  }
}
