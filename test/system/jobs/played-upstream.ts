import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** The test decides every byte of the answer to this call. */
interface PlayedCall {
  readonly body: Readonly<Record<string, unknown>>;
  /** Resolves when the client has closed the connection before the answer's end. */
  readonly closed: Promise<void>;
  /** Sends a whole answer. */
  answer(json: object | string, status?: number): void;
  /** Sends one chunk of a stream. */
  chunk(content: string): void;
  /** Sends a last chunk with this content, and the stream's end. */
  say(content: string): void;
  /** Sends a finish chunk with usage, and `[DONE]`. */
  done(): void;
  /** Closes the socket. */
  cut(): void;
}

/** This upstream answers nothing by itself. */
export interface PlayedUpstream {
  /** It ends with `/v1`. */
  readonly url: string;
  /** Calls so far. */
  readonly count: number;
  /** Returns each call once, in the order of arrival. */
  next(): Promise<PlayedCall>;
  close(): Promise<void>;
}

const USAGE = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

/**
 * The port is a free one on loopback. GET requests (probes) are answered with 200, and there is no
 * `/responses`.
 */
export async function startPlayedUpstream(): Promise<PlayedUpstream> {
  const calls: PlayedCall[] = [];
  const waiting: ((call: PlayedCall) => void)[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    if (request.method !== "POST") {
      response.end("{}");
      return;
    }
    if (request.url === "/v1/responses") {
      request.resume();
      response.writeHead(404).end("{}");
      return;
    }
    count++;
    const hand = async (): Promise<void> => {
      const call = await readCall(request, response);
      const taker = waiting.shift();
      if (taker === undefined) calls.push(call);
      else taker(call);
    };
    hand().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    get count() {
      return count;
    },
    next() {
      const call = calls.shift();
      if (call !== undefined) return Promise.resolve(call);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("no call came")), 60_000);
        waiting.push((taken) => {
          clearTimeout(timer);
          resolve(taken);
        });
      });
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readCall(request: IncomingMessage, response: ServerResponse): Promise<PlayedCall> {
  const { promise: closed, resolve: noteClosed } = Promise.withResolvers<void>();
  response.once("close", () => {
    if (!response.writableFinished) noteClosed();
  });
  const parts: Uint8Array[] = [];
  for await (const part of request) if (part instanceof Uint8Array) parts.push(part);
  const event = (data: object): void => {
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(
      `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", ...data })}\n\n`,
    );
  };
  const call: PlayedCall = {
    body: JSON.parse(Buffer.concat(parts).toString()) as PlayedCall["body"],
    closed,
    answer(json, status = 200) {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(typeof json === "string" ? json : JSON.stringify(json));
    },
    chunk(content) {
      event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
    },
    done() {
      event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
      event({ choices: [], usage: USAGE });
      response.end("data: [DONE]\n\n");
    },
    say(content) {
      call.chunk(content);
      call.done();
    },
    cut() {
      response.destroy();
    },
  };
  return call;
}
