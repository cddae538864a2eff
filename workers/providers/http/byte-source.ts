/** A body that is read by pulling. Throws `CallStopped` for whatever ends it early. */
export interface ByteSource {
  /** All bytes received since the last read; undefined at the body's end. */
  read(): Promise<Buffer | undefined>;
}

/** A body that is there already. */
export function byteSource(...pieces: readonly Buffer[]): ByteSource {
  const left = pieces.filter((piece) => piece.length > 0);
  return { read: () => Promise.resolve(left.shift()) };
}

/** What was read ahead, then the rest. */
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
