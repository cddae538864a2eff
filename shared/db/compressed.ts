import { promisify } from "node:util";
import { constants, gunzip, gzip } from "node:zlib";

const gzipBytes = promisify(gzip);
const gunzipBytes = promisify(gunzip);

/** Compressing fewer bytes costs more than it saves. */
const MIN_BYTES = 2_048;

/** Compresses the parts of a row with gzip if they are large: all of them or none. */
export async function compress<Bytes extends (Buffer | undefined)[]>(
  ...parts: Bytes
): Promise<{ compressed: boolean; parts: { [Index in keyof Bytes]: Bytes[Index] } }> {
  const size = parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
  if (size < MIN_BYTES) return { compressed: false, parts };
  const level = constants.Z_BEST_SPEED;
  const pack = async (part: Buffer | undefined) => part && (await gzipBytes(part, { level }));
  const packed = await Promise.all(parts.map((part) => pack(part)));
  return { compressed: true, parts: packed as typeof parts };
}

/** Returns one part as it was before `compress`. */
export async function decompress(bytes: Buffer, compressed: boolean): Promise<Buffer> {
  return compressed ? await gunzipBytes(bytes) : bytes;
}
