import type { Pool } from "pg";
import { fileColumns, isVisible, type FileRow } from "./file-row.ts";
import { preparedStatement, statement } from "../db/statement.ts";

/** Reads a key's own file; undefined also when the file is unfinished, deleted or expired. */
export async function findFile(
  pool: Pick<Pool, "query">,
  key: string,
  id: string,
): Promise<FileRow | undefined> {
  const { rows } = await pool.query<FileRow>(
    statement(
      "find_file",
      `select ${fileColumns} from files where id = $1 and key_id = $2 and ${isVisible}`,
      [id, key],
    ),
  );
  return rows[0];
}

/** Reads how many bytes a file of any key has; undefined when the file is gone. */
export async function readFileSize(
  pool: Pick<Pool, "query">,
  id: string,
): Promise<number | undefined> {
  const { rows } = await pool.query<{ bytes: bigint }>(
    preparedStatement("file_bytes", "select bytes from files where id = $1", [id]),
  );
  return rows[0] && Number(rows[0].bytes);
}
