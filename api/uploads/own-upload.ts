import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { findFile } from "../../shared/files/find-file.ts";
import type { UploadRow } from "../../shared/uploads/upload-row.ts";
import { findUpload } from "../../shared/uploads/upload-statements.ts";
import { uploadObject } from "./upload-object.ts";

const UPLOAD = /^upload_[0-9a-f]{32}$/;
const PARAM = "upload_id";

type Query = Pick<Pool, "query">;

/** Finds a key's own upload. Throws the same `not_found` for an upload of another key. */
export async function ownUpload(pool: Query, key: string, id: string): Promise<UploadRow> {
  const upload = UPLOAD.test(id) ? await askDatabase(() => findUpload(pool, key, id)) : undefined;
  if (upload !== undefined) return upload;
  throw new BrokerError("not_found", `No upload found with id '${id.slice(0, 64)}'.`, {
    param: PARAM,
  });
}

/** Throws `BrokerError` `invalid_request` unless the upload is still open. */
export function checkPending({ status }: UploadRow): void {
  if (status === "pending") return;
  const ended = status === "expired" ? "has expired" : `has been ${status}`;
  throw new BrokerError("invalid_request", `This upload ${ended}; begin another one.`, {
    param: PARAM,
  });
}

/** Shows a key's own upload with its file. */
export async function shownUpload(pool: Query, key: string, id: string): Promise<object> {
  const upload = await ownUpload(pool, key, id);
  const fileId = upload.file_id;
  const file = fileId === null ? undefined : await askDatabase(() => findFile(pool, key, fileId));
  return uploadObject(upload, file);
}
