const MAX_FILENAME_LENGTH = 255;

/** What is wrong with a file's name, in words that follow it; undefined: nothing. */
export function fileNameFlaw(name: string): string | undefined {
  return name.length > MAX_FILENAME_LENGTH || /\p{Cc}/u.test(name)
    ? `must have at most ${MAX_FILENAME_LENGTH} characters, none of control`
    : undefined;
}
