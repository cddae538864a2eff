import { createServer, type Socket } from "node:net";
import { once } from "node:events";

/** A server that counts what it receives, in the place of one that must not be called. */
export interface CountingServer {
  /** The base URL, which ends with `/v1`. */
  readonly url: string;
  readonly port: number;
  bytesReceived(): number;
  connections(): number;
  close(): Promise<void>;
}

/**
 * Listens on a free loopback port, accepts every connection, reads everything and answers nothing.
 */
export async function startCountingServer(): Promise<CountingServer> {
  let bytes = 0;
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    socket.on("error", () => socket.destroy());
    socket.once("close", () => open.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    port: address.port,
    bytesReceived: () => bytes,
    connections: () => connections,
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
