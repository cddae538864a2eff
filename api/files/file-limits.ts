const MIB = 1024 * 1024;

export const MAX_FILE_BYTES = 512 * MIB;
/** The limit of one part of an upload. */
export const MAX_PART_BYTES = 64 * MIB;
export const MAX_PARTS = 10_000;
/**
 * An upload shows in this interval that it is alive. Silent uploads are swept after a far longer
 * time.
 */
export const TOUCH_MS = 60_000;
const MAX_FILENAME_LENGTH = 255;

/** Describes what is wrong with a file's name, in words that follow it. */
export function fileNameProblem(name: string): string | undefined {
  return name.length > MAX_FILENAME_LENGTH || /\p{Cc}/u.test(name)
    ? `must have at most ${MAX_FILENAME_LENGTH} characters, none of control`
    : undefined;
}
