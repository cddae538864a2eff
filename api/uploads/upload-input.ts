import { z } from "zod";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { uploadPurposes } from "../../shared/files/file-purpose.ts";
import { listOf } from "../../shared/requests/schemas/list-of.ts";
import { expiresAfter } from "../../shared/files/file-expiry.ts";
import { fileNameProblem, MAX_PARTS } from "../files/file-limits.ts";

const MAX_TYPE_LENGTH = 255;

/** Makes the schema of the body that begins an upload of at most `maxFileBytes`. */
export function createUploadInput(maxFileBytes: number) {
  const size = `must be a whole number from 1 to ${maxFileBytes}, the most that a file may have`;
  return z.strictObject({
    filename: z
      .string()
      .min(1)
      .superRefine((name, context) => {
        const message = fileNameProblem(name);
        if (message !== undefined) context.addIssue({ code: "custom", message });
      }),
    purpose: z.enum(uploadPurposes, `must be one of ${uploadPurposes.join(", ")}`),
    bytes: z.int(size).min(1, size).max(maxFileBytes, size),
    mime_type: z
      .string()
      .min(1)
      .max(MAX_TYPE_LENGTH)
      .regex(/^[^\p{Cc}]*$/u, "must have no control characters"),
    expires_after: expiresAfter.nullish(),
  });
}

const PART = /^part_[0-9a-f]{32}$/;

/** The body that completes an upload. */
export const completeUploadInput = z.strictObject({
  part_ids: listOf(z.string())
    .min(1)
    .max(MAX_PARTS)
    .superRefine((ids, context) => {
      const seen = new Set<string>();
      const again = ids.findIndex((id) => seen.size === seen.add(id).size);
      if (again !== -1)
        context.addIssue({ code: "custom", path: [again], message: "is given twice" });
    }),
  md5: z
    .string()
    .regex(/^[\da-f]{32}$/i, "must be an MD5 in 32 hexadecimal digits")
    .nullish(),
});

/** Throws the error about the first id that no part can have. */
export function checkPartIds(ids: readonly string[]): void {
  const index = ids.findIndex((id) => !PART.test(id));
  if (index !== -1) throw noPart(index, ids[index] ?? "");
}

/** Makes the error for a part that an upload does not have. */
export function noPart(index: number, id: string): BrokerError {
  const param = `part_ids[${index}]`;
  const message = `${param}: this upload has no part '${id.slice(0, 64)}'.`;
  return new BrokerError("invalid_request", message, { param });
}
