/** What a batch's file may hold. Sizes in bytes. */
export const batchLimits = {
  lines: 50_000,
  fileBytes: 200 * 1024 * 1024,
  customIdLength: 512,
} as const;
