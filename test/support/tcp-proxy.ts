import { connect, createServer, type Socket } from "node:net";
import { TcpFlow, type Sent } from "./tcp-flow.ts";

/**
 * - `stall`: nothing passes, in either direction, until the fault is over. Then everything does, as
 *   after a short partition or a frozen server.
 * - `drop`: bytes are lost and both ends stay open. Afterwards the connections that lost some are
 *   reset, since TCP never delivers a stream with a gap.
 * - `refuse`: new connections are reset, the others go on.
 */
type TcpFault = "none" | "stall" | "drop" | "refuse";

/** A proxy between clients and a server that breaks connections in the ways that networks do. */
export interface TcpProxy {
  readonly port: number;
  /** Returns the given URL, with the proxy's address. */
  through(url: string): string;
  /** The number of connections so far. */
  readonly connections: number;
  /** The server for new connections. */
  target: { readonly host: string; readonly port: number };
  /** Each byte is delayed so long, in each direction. */
  latencyMs: number;
  fault: TcpFault;
  /** Resets both ends of every connection. */
  reset(): void;
  /** Closes the servers' ends without telling the clients. */
  halfOpen(): void;
  /**
   * Lets `bytes` more bytes pass in a direction, then resets the connection that carried the last
   * one.
   */
  cutAfter(bytes: number, towards?: "client" | "server"): void;
  close(): Promise<void>;
}

type Side = "client" | "server";

interface Line {
  readonly sockets: Readonly<Record<Side, Socket>>;
  readonly flows: TcpFlow[];
  /** Tells whether bytes were lost. */
  hasLost: boolean;
  /** Tells whether its last byte is on the way. */
  isCut: boolean;
}

/** Starts a proxy to a TCP server on a free port of 127.0.0.1. */
export async function startTcpProxy(host: string, port: number): Promise<TcpProxy> {
  const lines = new Set<Line>();
  const bytesLeft: Record<Side, number> = { client: Infinity, server: Infinity };
  let target = { host, port };
  let connections = 0;
  let latencyMs = 0;
  let fault: TcpFault = "none";

  const resetLine = ({ sockets }: Line): void => {
    sockets.client.resetAndDestroy();
    sockets.server.resetAndDestroy();
  };
  const advance = (): void => {
    for (const { flows } of lines) for (const flow of flows) flow.advance();
  };
  const deliver = (line: Line, side: Side, sent: Sent): void => {
    const to = line.sockets[side];
    if (line.isCut) return;
    if (fault === "drop") line.hasLost = true;
    else if (sent === "end") to.end();
    else if (sent === "reset") to.resetAndDestroy();
    else if (sent.length < bytesLeft[side]) {
      bytesLeft[side] -= sent.length;
      to.write(sent);
    } else {
      const head = sent.subarray(0, bytesLeft[side]);
      bytesLeft[side] = Infinity;
      line.isCut = true;
      to.write(head, () => resetLine(line));
    }
  };
  const carry = (line: Line, from: Socket, side: Side): void => {
    const flow = new TcpFlow({
      from,
      to: line.sockets[side],
      latencyMs: () => latencyMs,
      stalled: () => fault === "stall",
      deliver: (sent) => deliver(line, side, sent),
    });
    line.flows.push(flow);
  };
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (fault === "refuse") {
      client.resetAndDestroy();
      return;
    }
    connections++;
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const line: Line = {
      sockets: { client, server },
      flows: [],
      hasLost: false,
      isCut: false,
    };
    lines.add(line);
    carry(line, client, "server");
    carry(line, server, "client");
    client.on("end", () => {
      if (server.destroyed) client.destroy(); // The connection was half-open until now.
    });
    const forget = (): void => {
      if (client.destroyed && server.destroyed) lines.delete(line);
    };
    client.on("close", forget);
    server.on("close", forget);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");

  return {
    port: address.port,
    get connections() {
      return connections;
    },
    get target() {
      return target;
    },
    set target(next) {
      target = next;
    },
    get latencyMs() {
      return latencyMs;
    },
    set latencyMs(next) {
      latencyMs = next;
      advance();
    },
    get fault() {
      return fault;
    },
    set fault(next) {
      fault = next;
      if (next !== "drop") for (const line of lines) if (line.hasLost) resetLine(line);
      advance();
    },
    through(url) {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(address.port);
      return changed.toString();
    },
    reset() {
      for (const line of lines) resetLine(line);
    },
    halfOpen() {
      for (const { sockets } of lines) sockets.server.destroy();
    },
    cutAfter(bytes, towards = "client") {
      bytesLeft[towards] = bytes;
    },
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const { sockets } of lines) {
        sockets.client.destroy();
        sockets.server.destroy();
      }
      await closed;
    },
  };
}
