import type { Pool } from "pg";
import { fileColumns, isVisible, type FileRow } from "./file-row.ts";
import { statement } from "../db/statement.ts";

export interface FilePage {
  readonly purpose?: string | undefined;
  /** The id of the last file on the previous page. */
  readonly after?: string | undefined;
  readonly order: "asc" | "desc";
  readonly limit: number;
}

/** Reads a page of a key's files, ordered by id and so by time. */
export async function listFiles(
  pool: Pick<Pool, "query">,
  key: string,
  { purpose, after, order, limit }: FilePage,
): Promise<FileRow[]> {
  const { rows } = await pool.query<FileRow>(
    statement(
      "list_files",
      `select ${fileColumns} from files
       where key_id = $1 and ${isVisible} and ($2::text is null or purpose = $2)
         and ($3::text is null or id ${order === "asc" ? ">" : "<"} $3)
       order by id ${order} limit $4`,
      [key, purpose, after, limit],
    ),
  );
  return rows;
}
