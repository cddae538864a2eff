import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
}

/** A real HTTP server that takes webhooks. */
export interface Receiver extends AsyncDisposable {
  readonly address: string;
  readonly received: Received[];
  /** The default answer is 204; a promise holds the call. */
  answer: (request: Received) => Answer | Promise<Answer>;
  /** Requests to this path. */
  at(path: string): Received[];
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const respond = async (request: Received, response: ServerResponse): Promise<void> => {
    received.push(request);
    const { status, headers = {} } = await receiver.answer(request);
    response.writeHead(status, headers).end();
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { url: path = "", headers } = request;
      void respond({ path, headers, body: Buffer.concat(parts).toString() }, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const receiver: Receiver = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer: () => ({ status: 204 }),
    at: (path) => received.filter((request) => request.path === path),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return receiver;
}
