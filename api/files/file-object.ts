import type { FileRow } from "../../shared/files/file-row.ts";

/** Shows a file as OpenAI does. */
export function fileObject(file: FileRow) {
  return {
    id: file.id,
    object: "file",
    bytes: Number(file.bytes),
    created_at: seconds(file.created_at),
    expires_at: file.expires_at === null ? null : seconds(file.expires_at),
    filename: file.filename,
    purpose: file.purpose,
    status: "processed",
    status_details: null,
  } as const;
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}
