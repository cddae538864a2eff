import { connect, createServer, type Socket } from "node:net";

export interface CuttableConnection {
  /** The given URL leads through this proxy. */
  readonly url: string;
  /** Ends all connections and accepts no others. */
  cut(): Promise<void>;
}

/** Stands between a client and its PostgreSQL server. */
export async function cuttableConnection(databaseUrl: string): Promise<CuttableConnection> {
  const url = new URL(databaseUrl);
  const there = { host: url.hostname, port: Number(url.port) };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(there);
    for (const [end, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(end);
      end.on("error", () => other.destroy());
      end.on("close", () => {
        sockets.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url.hostname = "127.0.0.1";
  url.port = String(address.port);
  return {
    url: url.toString(),
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
