import type { Pool } from "pg";
import { fileColumns, isVisible, type FileRow } from "./file-row.ts";

/** A key's own file; undefined also for one that is unfinished, deleted or expired. */
export async function findFile(
  pool: Pick<Pool, "query">,
  key: string,
  id: string,
): Promise<FileRow | undefined> {
  const { rows } = await pool.query<FileRow>(
    `select ${fileColumns} from files where id = $1 and key_id = $2 and ${isVisible}`,
    [id, key],
  );
  return rows[0];
}
