/** A body that is read by pulling. It throws `CallStopped` for whatever ends it early. */
export interface ByteSource {
  /** Returns all bytes received since the last read, or undefined if the body is over. */
  read(): Promise<Buffer | undefined>;
}

/** Makes a body of bytes that are there already. */
export function byteSource(...pieces: readonly Buffer[]): ByteSource {
  const left = pieces.filter((piece) => piece.length > 0);
  return { read: () => Promise.resolve(left.shift()) };
}

/** Puts bytes that were read ahead before the rest of a body. */
export function prepend(first: Buffer, rest: ByteSource): ByteSource {
  let isNext = first.length > 0;
  return {
    read: async () => {
      if (!isNext) return await rest.read();
      isNext = false;
      return first;
    },
  };
}
