import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

/** One end of a connection. */
export interface TcpEnd {
  readonly socket: Socket;
  /** All bytes so far. */
  received(): Buffer;
  /** The code of the error, or the way in which it was closed; undefined while it lives. */
  fate(): string | undefined;
}

/** A proxy stands before the test's server. */
export interface ProxiedServer {
  readonly proxy: TcpProxy;
  readonly port: number;
  /** Connects through the proxy and returns both ends. */
  line(): Promise<{ readonly client: TcpEnd; readonly server: TcpEnd }>;
}

export async function startProxiedServer(): Promise<ProxiedServer> {
  const { port, accepted } = await startServer();
  const proxy = await startTcpProxy("127.0.0.1", port);
  onTestFinished(() => proxy.close());
  return {
    proxy,
    port,
    async line() {
      const server = accepted();
      const client = dial(proxy.port);
      return { client, server: await server };
    },
  };
}

/** The server only listens; `accepted` waits for the next connection. */
export async function startServer(): Promise<{
  readonly port: number;
  accepted(): Promise<TcpEnd>;
}> {
  const server = createServer({ allowHalfOpen: true });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    async accepted() {
      const [socket]: Socket[] = await once(server, "connection");
      if (socket === undefined) throw new Error("no socket");
      return watch(socket);
    },
  };
}

/** Connects to a port of 127.0.0.1. */
export function dial(port: number): TcpEnd {
  return watch(connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
}

function watch(socket: Socket): TcpEnd {
  const chunks: Buffer[] = [];
  let fate: string | undefined;
  socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
  socket.on("end", () => (fate ??= "ended"));
  socket.on("error", (error: NodeJS.ErrnoException) => (fate ??= error.code));
  onTestFinished(() => void socket.destroy());
  return { socket, received: () => Buffer.concat(chunks), fate: () => fate };
}
