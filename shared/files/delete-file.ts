import type { Pool } from "pg";
import { isVisible } from "./file-row.ts";
import { statement } from "../db/statement.ts";

/** Hides a key's own file; its bytes go later. Returns false when the key has no such file. */
export async function deleteFile(
  pool: Pick<Pool, "query">,
  key: string,
  id: string,
): Promise<boolean> {
  const { rowCount } = await pool.query(
    statement(
      "delete_file",
      `update files set deleted_at = now() where id = $1 and key_id = $2 and ${isVisible}`,
      [id, key],
    ),
  );
  return rowCount === 1;
}
