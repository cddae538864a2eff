import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { readFileRange } from "../../shared/files/read-file-range.ts";
import { findParts } from "../../shared/uploads/part-statements.ts";
import type { UploadRow } from "../../shared/uploads/upload-row.ts";
import { ownUpload } from "./own-upload.ts";

export interface Md5Check {
  readonly keyId: string;
  readonly upload: UploadRow;
  readonly partIds: readonly string[];
  /** The digest in hexadecimal. */
  readonly md5: string;
  readonly shutdown: AbortSignal;
}

/**
 * Throws `BrokerError` `invalid_request` unless the bytes of these parts, in this order, have this
 * MD5. Parts do not change once they are whole, so the file will have the bytes that were read
 * here. Other problems are found when the file is made.
 */
export async function checkMd5(pool: Pool, check: Md5Check): Promise<void> {
  const { keyId, upload, partIds, md5, shutdown } = check;
  const sizes = await askDatabase(() => findParts(pool, keyId, upload.id, partIds));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (sizes.size !== partIds.length || BigInt(total) !== upload.bytes) return;
  const hash = createHash("md5");
  try {
    for (const id of partIds)
      for await (const bytes of readFileRange(pool, id, 0, sizes.get(id) ?? 0)) {
        if (shutdown.aborted) throw new BrokerError("unavailable", "The broker is shutting down.");
        hash.update(bytes);
      }
  } catch (error) {
    // If another call has completed or cancelled the upload meanwhile, its bytes are elsewhere.
    if ((await ownUpload(pool, keyId, upload.id)).status === "pending") throw error;
    return;
  }
  if (hash.digest("hex") !== md5.toLowerCase())
    throw new BrokerError("invalid_request", "md5: the bytes of the parts have another MD5.", {
      param: "md5",
    });
}
