/**
 * What a page may hold before it ends: its parts can be as large as requests and answers, and a
 * hundred of them have to fit into memory.
 */
export const PAGE_BYTES = 8 * 1024 * 1024;
