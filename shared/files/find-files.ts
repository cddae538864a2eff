import type { Pool } from "pg";
import { fileColumns, isVisible, type FileRow } from "./file-row.ts";
import { statement } from "../db/statement.ts";

/** Reads those of the given files that the key can see, by id. */
export async function findFiles(
  pool: Pick<Pool, "query">,
  key: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, FileRow>> {
  const { rows } = await pool.query<FileRow>(
    statement(
      "find_files",
      `select ${fileColumns} from files where id = any ($1) and key_id = $2 and ${isVisible}`,
      [ids, key],
    ),
  );
  return new Map(rows.map((row) => [row.id, row]));
}
