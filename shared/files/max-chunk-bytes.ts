/** Of a file's bytes as they are stored: what a reader holds at once. */
export const MAX_CHUNK_BYTES = 256 * 1024;
