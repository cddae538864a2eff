import { createServer, type Socket } from "node:net";
import { availableParallelism } from "node:os";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The port of the server that admits starts of processes. */
    readonly startsPort: number;
  }
}

/**
 * Lets as many processes start at once as the machine has cores. A start asks by connecting, is
 * admitted by a byte, and is over when its connection ends, however its test ends.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const atOnce = availableParallelism();
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
