import type { Socket } from "node:net";
import type { Call } from "./call.ts";
import type { Counters } from "./counters.ts";

interface Connection {
  readonly socket: Socket;
  readonly calls: Set<Call>;
}

/** The open connections, and the bytes received on all connections so far. */
export class Traffic {
  readonly #open = new Map<Socket, Connection>();
  #closedBytes = 0;
  #bytesAtReset = 0;
  #connections = 0;

  connected(socket: Socket): void {
    const connection: Connection = { socket, calls: new Set() };
    this.#connections += 1;
    this.#open.set(socket, connection);
    // The client's FIN comes before the socket's close, and is the earliest sign of an abort.
    socket.once("end", () => {
      for (const call of connection.calls) call.clientLeft();
    });
    socket.once("close", () => {
      this.#closedBytes += socket.bytesRead;
      this.#open.delete(socket);
    });
  }

  opened(call: Call, socket: Socket): void {
    const calls = this.#open.get(socket)?.calls;
    calls?.add(call);
    call.onEnd(() => calls?.delete(call));
  }

  destroyAll(): void {
    for (const { socket, calls } of this.#open.values()) {
      for (const call of calls) call.drop();
      socket.destroy();
    }
  }

  counts(): Pick<Counters, "bytesReceived" | "connections"> {
    return { bytesReceived: this.#bytes() - this.#bytesAtReset, connections: this.#connections };
  }

  reset(): void {
    this.#bytesAtReset = this.#bytes();
    this.#connections = 0;
  }

  #bytes(): number {
    let bytes = this.#closedBytes;
    for (const socket of this.#open.keys()) bytes += socket.bytesRead;
    return bytes;
  }
}
