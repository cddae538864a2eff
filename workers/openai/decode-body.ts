import { promisify } from "node:util";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import type { Transform } from "node:stream";
import { prepend, type ByteSource } from "./byte-source.ts";
import { CallStopped, failed } from "./call-stopped.ts";

/** What a cut or unfinished body holds counts as far as it goes; the readers judge the rest. */
const zlib = { finishFlush: constants.Z_SYNC_FLUSH };
const brotli = { finishFlush: constants.BROTLI_OPERATION_FLUSH };
const zstd = { finishFlush: constants.ZSTD_e_flush };

/**
 * A body without its `content-encoding`, of at most `maxBytes`. Gzip and zstd are known by their
 * first bytes, whatever the header says or does not say; deflate with and without zlib's header.
 * Encodings that nobody here knows are taken for none.
 */
export function decodeBody(
  body: ByteSource,
  encoding: string | undefined,
  maxBytes: number,
): ByteSource {
  let decoded: ByteSource | undefined;
  return {
    read: async () => {
      if (decoded !== undefined) return await decoded.read();
      const first = await body.read();
      if (first === undefined) return undefined;
      const decoder = decoderFor(first, namesOf(encoding));
      if (decoder === undefined) {
        decoded = body;
        return first;
      }
      decoded = new Decoded(prepend(first, body), decoder, maxBytes);
      return await decoded.read();
    },
  };
}

function namesOf(encoding: string | undefined): readonly string[] {
  return (encoding ?? "").split(",").map((name) => name.trim().toLowerCase());
}

function decoderFor(first: Buffer, names: readonly string[]): Transform | undefined {
  if (first[0] === 0x1f && first[1] === 0x8b) return createGunzip(zlib);
  if (first.length > 3 && first.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress(zstd);
  if (names.includes("br")) return createBrotliDecompress(brotli);
  if (!names.includes("deflate") || isPlain(first)) return undefined;
  const [low = 0, high = 0] = first;
  const hasHeader = (low & 0x0f) === 8 && (low * 256 + high) % 31 === 0;
  return hasHeader ? createInflate(zlib) : createInflateRaw(zlib);
}

/** JSON or events under a wrong label. */
function isPlain(first: Buffer): boolean {
  return /^\s*(?:[[{]|data:|event:|:)/.test(first.subarray(0, 16).toString("latin1"));
}

class Decoded implements ByteSource {
  readonly #body: ByteSource;
  readonly #decoder: Transform;
  readonly #maxBytes: number;
  readonly #write: (bytes: Buffer) => Promise<void>;
  #pieces: Buffer[] = [];
  #size = 0;
  #failure: Error | undefined;
  #isOver = false;
  /** A decoder that fails never ends the write that it failed in. */
  readonly #closed: Promise<void>;

  constructor(body: ByteSource, decoder: Transform, maxBytes: number) {
    this.#body = body;
    this.#decoder = decoder;
    this.#maxBytes = maxBytes;
    this.#write = promisify((bytes: Buffer, done: (error?: Error | null) => void) => {
      decoder.write(bytes, done);
    });
    this.#closed = new Promise((resolve) => {
      decoder.once("close", resolve);
    });
    decoder.on("error", (error) => (this.#failure ??= error));
    decoder.on("readable", () => this.#collect());
  }

  async read(): Promise<Buffer | undefined> {
    while (!this.#isOver) {
      const bytes = await this.#body.read();
      if (bytes === undefined) {
        this.#isOver = true;
        await this.#finish();
      } else await Promise.race([this.#write(bytes).catch(() => undefined), this.#closed]);
      this.#collect();
      if (this.#failure !== undefined) throw this.#stopped(this.#failure);
      if (this.#pieces.length > 0) break;
    }
    if (this.#pieces.length === 0) return undefined;
    return Buffer.concat(this.#pieces.splice(0));
  }

  async #finish(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#decoder.once("end", resolve);
    });
    this.#decoder.end();
    this.#collect();
    await Promise.race([ended, this.#closed]);
  }

  #collect(): void {
    for (;;) {
      const piece = this.#decoder.read() as Buffer | null;
      if (piece === null) return;
      this.#size += piece.length;
      if (this.#size > this.#maxBytes) {
        this.#decoder.destroy();
        this.#failure ??= new Error("too large");
        return;
      }
      this.#pieces.push(piece);
    }
  }

  #stopped(error: Error): CallStopped {
    this.#isOver = true;
    this.#decoder.destroy();
    const what =
      error.message === "too large" ? "the answer is too large" : "the answer's encoding is broken";
    return new CallStopped(failed("malformed", what));
  }
}
