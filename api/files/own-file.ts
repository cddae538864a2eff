import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { FileRow } from "../../shared/files/file-row.ts";
import { findFile } from "../../shared/files/find-file.ts";

const FILE = /^file-[0-9a-f]{32}$/;

/**
 * Finds a key's own file. Throws the same `BrokerError` `not_found` for files of other keys, for
 * unfinished, deleted and expired ones, and where there is no file.
 */
export async function ownFile(
  pool: Pick<Pool, "query">,
  key: string,
  id: string,
): Promise<FileRow> {
  const file = FILE.test(id) ? await askDatabase(() => findFile(pool, key, id)) : undefined;
  return file ?? noFile(id);
}

/** Throws the error for a file that does not exist. */
export function noFile(id: string): never {
  throw new BrokerError("not_found", `No file found with id '${id.slice(0, 64)}'.`, {
    param: "id",
  });
}
