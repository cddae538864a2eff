import type { UploadPurpose } from "../files/file-purpose.ts";

/** An upload in parts, as its key sees it. */
export interface UploadRow {
  readonly id: string;
  readonly filename: string;
  readonly purpose: UploadPurpose;
  /** The sizes of the parts must add up to this. */
  readonly bytes: bigint;
  readonly status: "pending" | "completed" | "cancelled" | "expired";
  readonly created_at: Date;
  readonly expires_at: Date;
  /** Only a completed upload has it. The file may have been deleted since. */
  readonly file_id: string | null;
  /** The number of whole parts, and their bytes. */
  readonly parts: number;
  readonly part_bytes: bigint;
}

/** The columns of an `UploadRow`. */
export const uploadColumns = `id, filename, purpose, bytes, created_at, expires_at, file_id,
  parts, part_bytes,
  case when status = 'pending' and expires_at <= now() then 'expired' else status end as status`;
