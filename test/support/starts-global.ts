import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { availableParallelism } from "node:os";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The port of the server that admits starts of processes. */
    readonly startsPort: number;
  }
}

/**
 * Lets few processes start at once, however many tests ask for one. A start asks by connecting, is
 * admitted by a byte, and is over when its connection ends, however its test ends.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A start also waits for servers: one more uses the machine meanwhile.
  const atOnce = availableParallelism() + 1;
  const running = new Set<Socket>();
  const waiting = new Set<Socket>();
  const admit = (): void => {
    for (const socket of waiting) {
      if (running.size >= atOnce) return;
      waiting.delete(socket);
      running.add(socket);
      socket.write("!");
    }
  };
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on("error", () => undefined); // its process was killed
    socket.on("close", () => {
      waiting.delete(socket);
      running.delete(socket);
      admit();
    });
    socket.resume();
    admit();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  project.provide("startsPort", (server.address() as AddressInfo).port);
  return async () => {
    for (const socket of [...running, ...waiting]) socket.destroy();
    server.close();
    await once(server, "close");
  };
}
