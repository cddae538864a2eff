import type { Pool } from "pg";
import type { BatchRow } from "../../shared/batches/batch-row.ts";
import { readEndedLines, writeBatchLines } from "../../shared/batches/result-statements.ts";
import { MAX_CHUNK_BYTES } from "../../shared/files/read-file-range.ts";
import { resultLine, type ResultLine } from "./result-line.ts";

/** The most of one page: lines read, and bytes of their answers as stored, which are compressed. */
const LIMITS = { lines: 100, bytes: 256 * 1024 };
/** A page writes at most this many characters, without its last line. */
const MAX_CHARS = 4 * 1024 * 1024;
/** One round writes at most this many pages, so that other batches get their turn. */
const MAX_PAGES = 20;

/**
 * Appends the results of lines that have ended to a batch's files, in the order of the lines. A
 * line that has not ended holds up those after it. Each page is one statement, so that after a
 * crash another feeder goes on where the files end.
 */
export async function writeLines(pool: Pick<Pool, "query">, batch: BatchRow): Promise<void> {
  let from = batch.written_line;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const found = await readEndedLines(pool, batch.id, from, LIMITS);
    const results: ResultLine[] = [];
    let chars = 0;
    for (const line of found) {
      const result = await resultLine(line);
      results.push(result);
      chars += result.text.length;
      // The stored, compressed size of answers says little of their real size.
      if (chars > MAX_CHARS) break;
    }
    const lines = found.slice(0, results.length);
    const to = lines.at(-1)?.line;
    if (to === undefined) return;
    const chunksOf = (file: ResultLine["file"]): Buffer[] =>
      toChunks(results.flatMap((result) => (result.file === file ? [result.text] : [])));
    const isWritten = await writeBatchLines(pool, batch.id, {
      from,
      to,
      output: chunksOf("output"),
      errors: chunksOf("errors"),
      usage: results.flatMap(({ usage }) => usage ?? []),
      lost: lines.flatMap(({ line, state }, at) =>
        state === "done" && results[at]?.file === "errors" ? line : [],
      ),
    });
    if (!isWritten) return;
    from = to;
  }
}

function toChunks(texts: readonly string[]): Buffer[] {
  const bytes = Buffer.from(texts.join(""));
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += MAX_CHUNK_BYTES)
    chunks.push(bytes.subarray(start, start + MAX_CHUNK_BYTES));
  return chunks;
}
