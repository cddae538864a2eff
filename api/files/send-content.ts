import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { FileRow } from "../../shared/files/file-row.ts";
import { readFileRange } from "../../shared/files/read-file-range.ts";
import { byteRange } from "./byte-range.ts";
import { contentDisposition } from "./content-disposition.ts";

/**
 * Answers with the bytes of a file, or with the part that a `Range` header asks for, as fast as
 * they are read. If the bytes are lost meanwhile, or `shutdown` aborts, the connection breaks.
 */
export async function sendContent(
  pool: Pool,
  request: FastifyRequest,
  reply: FastifyReply,
  file: FileRow,
  shutdown: AbortSignal,
): Promise<FastifyReply> {
  const size = Number(file.bytes);
  // A file never changes, so its id stands for its content.
  const etag = `"${file.id}"`;
  const { range: header, "if-range": only } = request.headers;
  const isPartial = request.method === "GET" && (only === undefined || only === etag);
  const range = byteRange(isPartial ? header : undefined, size);
  reply.header("accept-ranges", "bytes");
  if (range === "none") {
    reply.header("content-range", `bytes */${size}`);
    throw new BrokerError("range_not_satisfiable", `The file has ${size} bytes.`, {
      param: "Range",
    });
  }
  const { start, end } = range === "whole" ? { start: 0, end: size } : range;
  const pieces = readFileRange(pool, file.id, start, end);
  // The first piece comes before the headers, while the answer can still be an error.
  const first = request.method === "HEAD" ? undefined : await askDatabase(() => pieces.next());
  reply.headers({
    "content-type": "application/octet-stream",
    "content-length": end - start,
    "content-disposition": contentDisposition(file.filename),
    "x-content-type-options": "nosniff",
    etag,
  });
  if (range !== "whole")
    reply.code(206).header("content-range", `bytes ${start}-${end - 1}/${size}`);
  if (first === undefined) return reply.send();
  return reply.send(Readable.from(startingWith(first, pieces), { signal: shutdown }));
}

async function* startingWith(
  first: IteratorResult<Buffer, void>,
  rest: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
