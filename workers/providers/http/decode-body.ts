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
import { CallStopped, failed } from "../call-end.ts";

/** A cut body counts as far as it goes. The readers judge whether that is enough. */
const ZLIB = { finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI = { finishFlush: constants.BROTLI_OPERATION_FLUSH };
const ZSTD = { finishFlush: constants.ZSTD_e_flush };

/** Chained proxies were seen to compress twice. */
const MAX_LAYERS = 3;

/**
 * Undoes the `content-encoding` of a body, of at most `maxBytes`. Gzip and zstd are recognised by their
 * first bytes, whatever the header says. Deflate comes with and without zlib's header. Unknown
 * encodings count as none.
 */
export function decodeBody(
  body: ByteSource,
  encoding: string | undefined,
  maxBytes: number,
): ByteSource {
  const names = (encoding ?? "").split(",").map((name) => name.trim().toLowerCase());
  return decodeNamed(body, names, maxBytes, MAX_LAYERS);
}

function decodeNamed(
  body: ByteSource,
  names: readonly string[],
  maxBytes: number,
  times: number,
): ByteSource {
  let decoded: ByteSource | undefined;
  return {
    read: async () => {
      if (decoded !== undefined) return await decoded.read();
      const first = await readStart(body);
      if (first === undefined) return undefined;
      const name = times === 0 ? undefined : encodingOf(first, names);
      if (name === undefined) {
        decoded = body;
        return first;
      }
      const inner = new Decoded(prepend(first, body), DECODERS[name](first), maxBytes);
      const left = names.filter((each) => each !== name && each !== `x-${name}`);
      decoded = decodeNamed(inner, left, maxBytes, times - 1);
      return await decoded.read();
    },
  };
}

/** Reads as many bytes as show the encoding. */
async function readStart(body: ByteSource): Promise<Buffer | undefined> {
  let start = await body.read();
  while (start !== undefined && start.length < 4 && (start[0] === 0x1f || start[0] === 0x28)) {
    const more = await body.read();
    if (more === undefined) break;
    start = Buffer.concat([start, more]);
  }
  return start;
}

const DECODERS = {
  gzip: () => createGunzip(ZLIB),
  zstd: () => createZstdDecompress(ZSTD),
  br: () => createBrotliDecompress(BROTLI),
  deflate: ([low = 0, high = 0]: Buffer) => {
    const hasHeader = (low & 0x0f) === 8 && (low * 256 + high) % 31 === 0;
    return hasHeader ? createInflate(ZLIB) : createInflateRaw(ZLIB);
  },
} as const;

function encodingOf(first: Buffer, names: readonly string[]): keyof typeof DECODERS | undefined {
  if (first[0] === 0x1f && first[1] === 0x8b) return "gzip";
  if (first.length > 3 && first.readUInt32LE(0) === 0xfd2fb528) return "zstd";
  if (isPlain(first)) return undefined;
  return (["br", "deflate"] as const).find((name) => names.includes(name));
}

/** Tells whether the header is wrong: these are JSON or events as they are. */
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
  /** A decoder never ends the write in which it fails. */
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
