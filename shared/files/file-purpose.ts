/** The purposes of uploaded files, by OpenAI's names. */
export const uploadPurposes = [
  "assistants",
  "batch",
  "evals",
  "fine-tune",
  "user_data",
  "vision",
] as const;

export type UploadPurpose = (typeof uploadPurposes)[number];

/** The message that refuses any other purpose. */
export const PURPOSES = `it must be one of ${uploadPurposes.join(", ")}.`;

export function isUploadPurpose(value: string): value is UploadPurpose {
  return (uploadPurposes as readonly string[]).includes(value);
}
