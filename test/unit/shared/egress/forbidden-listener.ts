import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** A listener that nobody may reach. */
export interface ForbiddenListener extends AsyncDisposable {
  readonly port: number;
  /** Connections so far. */
  readonly hits: number;
}

export async function startForbiddenListener(
  host: "127.0.0.1" | "::1",
): Promise<ForbiddenListener> {
  let hits = 0;
  const server = createServer((socket) => {
    hits++;
    socket.on("error", () => undefined).destroy();
  });
  server.listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get hits() {
      return hits;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}
