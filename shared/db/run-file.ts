import { type Client, DatabaseError } from "pg";
import type { SqlFile } from "./schema-files.ts";

/** Runs the statements of a file. An error gets the name of the file. */
export async function runFile(client: Client, { name, text }: SqlFile): Promise<void> {
  try {
    await client.query(text);
  } catch (error) {
    if (error instanceof DatabaseError) error.message = `${name}.sql: ${error.message}`;
    throw error;
  }
}
