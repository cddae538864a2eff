import type { FileRow } from "../../shared/files/file-row.ts";
import type { UploadRow } from "../../shared/uploads/upload-row.ts";
import { fileObject } from "../files/file-object.ts";

/** Shows an upload as OpenAI does. `file` is the file that it became, unless that was deleted. */
export function uploadObject(upload: UploadRow, file: FileRow | undefined) {
  return {
    id: upload.id,
    object: "upload",
    bytes: Number(upload.bytes),
    created_at: seconds(upload.created_at),
    expires_at: seconds(upload.expires_at),
    filename: upload.filename,
    purpose: upload.purpose,
    status: upload.status,
    file: file === undefined ? null : fileObject(file),
  } as const;
}

/** Shows a part as OpenAI does. */
export function partObject(id: string, upload: string, createdAt: Date) {
  const created = seconds(createdAt);
  return { id, object: "upload.part", created_at: created, upload_id: upload } as const;
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}
