import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and a server and breaks the line in the ways that networks do. */
export interface TcpProxy {
  readonly port: number;
  /** The given URL, through here. */
  through(url: string): string;
  /** Connections made so far. */
  readonly connections: number;
  /** Delay of every chunk, each way. */
  latencyMs: number;
  /** `drop`: bytes vanish, both ends stay open. `refuse`: new connections are reset. */
  fault: "none" | "drop" | "refuse";
  /** Resets both ends of every connection. */
  reset(): void;
  /** The servers' ends close, and no client is told. */
  halfOpen(): void;
  /** Resets the connection that carries the n-th byte from now on towards a client, after it. */
  cutAfter(bytes: number): void;
  close(): Promise<void>;
}

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  /** The client's end stays open whatever happens to the other. */
  isHalfOpen: boolean;
}

/** Starts a proxy to a TCP server on a free port of 127.0.0.1. */
export async function startTcpProxy(host: string, port: number): Promise<TcpProxy> {
  const lines = new Set<Line>();
  let bytesLeft = Number.POSITIVE_INFINITY;
  const proxy = { connections: 0, latencyMs: 0, fault: "none" as TcpProxy["fault"] };

  const resetLine = (line: Line): void => {
    line.client.resetAndDestroy();
    line.server.resetAndDestroy();
  };
  const carry = (line: Line, from: Socket, to: Socket): void => {
    from.on("data", (chunk) => {
      if (proxy.fault === "drop" || line.isHalfOpen) return;
      const write = (): void => {
        if (to !== line.client || chunk.length < bytesLeft) {
          if (to === line.client) bytesLeft -= chunk.length;
          to.write(chunk);
          return;
        }
        const head = chunk.subarray(0, bytesLeft);
        bytesLeft = Number.POSITIVE_INFINITY;
        to.write(head, () => resetLine(line));
      };
      if (proxy.latencyMs > 0) setTimeout(write, proxy.latencyMs);
      else write();
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      if (!(line.isHalfOpen && from === line.server)) to.destroy();
      if (from === line.client) lines.delete(line);
    });
  };
  const listener = createServer((client) => {
    if (proxy.fault === "refuse") {
      client.resetAndDestroy();
      return;
    }
    proxy.connections++;
    const line = { client, server: connect(port, host), isHalfOpen: false };
    lines.add(line);
    carry(line, client, line.server);
    carry(line, line.server, client);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");

  return Object.assign(proxy, {
    port: address.port,
    through(url: string) {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(address.port);
      return changed.toString();
    },
    reset() {
      for (const line of lines) resetLine(line);
    },
    halfOpen() {
      for (const line of lines) {
        line.isHalfOpen = true;
        line.server.destroy();
      }
    },
    cutAfter(bytes: number) {
      bytesLeft = bytes;
    },
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const { client, server } of lines) {
        client.destroy();
        server.destroy();
      }
      await closed;
    },
  });
}
