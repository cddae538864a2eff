import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP server whose answers a test decides. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  /** Requests are in the order in which their connections opened. */
  readonly requests: string[];
  /** The number of open connections. */
  readonly open: number;
  /** This is called once, at the first bytes of a request. */
  answer: (socket: Socket) => void;
}

export async function startReceiver(host = "127.0.0.1"): Promise<Receiver> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const index = requests.push("") - 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    socket.on("data", (chunk) => {
      const isFirst = requests[index] === "";
      requests[index] += chunk.toString();
      if (isFirst) receiver.answer(socket);
    });
  });
  server.listen(0, host);
  await once(server, "listening");
  const receiver: Receiver = {
    port: (server.address() as AddressInfo).port,
    requests,
    get open() {
      return sockets.size;
    },
    answer: (socket) => void socket.write(ok("ok")),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
  return receiver;
}

/** A complete answer that leaves the connection open. */
export function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
