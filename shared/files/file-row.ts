import type { UploadPurpose } from "./file-purpose.ts";

/** A file that its key can see. */
export interface FileRow {
  readonly id: string;
  readonly key_id: string;
  readonly filename: string;
  readonly purpose: UploadPurpose | "batch_output";
  /** The type that the upload named, or null. */
  readonly mime_type: string | null;
  readonly bytes: bigint;
  readonly created_at: Date;
  readonly expires_at: Date | null;
}

/** The columns of a `FileRow`. */
export const fileColumns =
  "id, key_id, filename, purpose, mime_type, bytes, created_at, expires_at";

/** The SQL condition for files that their keys can see. */
export const isVisible = `state = 'processed' and deleted_at is null
  and (expires_at is null or expires_at > now())`;
