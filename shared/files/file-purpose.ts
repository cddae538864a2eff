/** What files can be uploaded for, as OpenAI names it. */
export const uploadPurposes = [
  "assistants",
  "batch",
  "evals",
  "fine-tune",
  "user_data",
  "vision",
] as const;

export type UploadPurpose = (typeof uploadPurposes)[number];

/** Tells what a purpose must be. */
export const PURPOSES = `it must be one of ${uploadPurposes.join(", ")}.`;

export function isUploadPurpose(value: string): value is UploadPurpose {
  return (uploadPurposes as readonly string[]).includes(value);
}
