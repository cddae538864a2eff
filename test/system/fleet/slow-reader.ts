import { once } from "node:events";
import { connect } from "node:net";

export interface SlowReader {
  /** Bytes read so far. */
  received(): number;
  leave(): void;
}

export interface SlowReaderOptions {
  /** The API's address, without a path. */
  readonly url: string;
  readonly key: string;
  /** The stream has this many tokens. */
  readonly tokens: number;
  readonly bytesPerSecond: number;
}

const CHUNKS_PER_SECOND = 2;

/** Asks for a long stream and reads it slowly; resolves with the first bytes. */
export async function startSlowReader(options: SlowReaderOptions): Promise<SlowReader> {
  const { hostname, port } = new URL(options.url);
  const socket = connect(Number(port), hostname);
  // The API may be gone.
  socket.on("error", () => undefined);
  const body = JSON.stringify({
    model: "chat",
    stream: true,
    max_tokens: options.tokens,
    messages: [{ role: "user", content: `[sim output=${options.tokens}]` }],
  });
  socket.write(
    [
      "POST /v1/chat/completions HTTP/1.1",
      "host: broker",
      `authorization: Bearer ${options.key}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n"),
  );
  // Without a `data` listener the socket takes from the system only what its own buffer holds.
  await once(socket, "readable");
  let received = 0;
  const timer = setInterval(() => {
    const bytes = socket.read(options.bytesPerSecond / CHUNKS_PER_SECOND) as Buffer | null;
    received += bytes?.length ?? 0;
  }, 1_000 / CHUNKS_PER_SECOND);
  socket.once("close", () => clearInterval(timer));
  return {
    received: () => received,
    leave: () => {
      clearInterval(timer);
      socket.destroy();
    },
  };
}
