import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A whole error answer, or `drop`: the socket closes before any header. */
export type Mood =
  | {
      readonly status: number;
      readonly body: string | object;
      readonly headers?: Record<string, string>;
    }
  | "drop"
  | "hang"
  /** Only headers are sent. */
  | "silent";

/** The engine answers every chat with «Blue herons wade.», unless it is in a mood. */
export interface MoodyUpstream {
  /** It ends with `/v1`. */
  readonly url: string;
  /** `calls` counts from the start, `refused` those of them that met a mood. */
  readonly calls: number;
  readonly refused: number;
  /** This many calls hang or are silent. */
  readonly open: number;
  /** Sets the mood for calls that contain `match`, or for all; with null the engine is well. */
  setMood(mood: Mood | null, match?: string): void;
  /** GETs get this status while there is a mood, and 200 otherwise. */
  setHealth(status: number): void;
  /** Stops listening, so that connections are refused; `back` listens on the same port. */
  down(): Promise<void>;
  /** Stops listening, and keeps its open sockets, as some engines do after SIGTERM. */
  stopListening(): Promise<void>;
  back(): Promise<void>;
  close(): Promise<void>;
}

const USAGE = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
const CONTENT = "Blue herons wade.";

export async function startMoodyUpstream(): Promise<MoodyUpstream> {
  let mood: Mood | null = null;
  let match: string | undefined;
  let health = 200;
  let calls = 0;
  let refused = 0;
  let open = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Uint8Array[] = [];
    for await (const part of request) if (part instanceof Uint8Array) parts.push(part);
    const text = Buffer.concat(parts).toString();
    if (request.method !== "POST") {
      response.writeHead(health).end("{}");
      return;
    }
    calls += 1;
    if (mood === null || (match !== undefined && !text.includes(match))) {
      answer(response, JSON.parse(text) as { stream?: boolean });
      return;
    }
    refused += 1;
    if (mood === "hang" || mood === "silent") {
      open += 1;
      response.once("close", () => (open -= 1));
      if (mood === "silent") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.flushHeaders();
      }
      return;
    }
    if (mood === "drop") {
      response.destroy();
      return;
    }
    const isText = typeof mood.body === "string";
    response.writeHead(mood.status, {
      "content-type": isText ? "text/html" : "application/json",
      ...mood.headers,
    });
    response.end(isText ? mood.body : JSON.stringify(mood.body));
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    return address.port;
  };
  const down = async (): Promise<void> => {
    if (!server.listening) {
      server.closeAllConnections();
      return;
    }
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const port = await listen(0);
  return {
    url: `http://127.0.0.1:${port}/v1`,
    get calls() {
      return calls;
    },
    get refused() {
      return refused;
    },
    get open() {
      return open;
    },
    setMood(next, of) {
      mood = next;
      match = of;
    },
    setHealth(status) {
      health = status;
    },
    down,
    stopListening() {
      server.close();
      server.closeIdleConnections();
      return Promise.resolve();
    },
    back: async () => {
      await listen(port);
    },
    close: down,
  };
}

function answer(response: ServerResponse, { stream = false }: { stream?: boolean }): void {
  const head = { id: "c1", created: 1, model: "m" };
  if (!stream) {
    const message = { role: "assistant", content: CONTENT };
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    const body = { ...head, object: "chat.completion", choices, usage: USAGE };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (data: object): void => {
    const chunk = { ...head, object: "chat.completion.chunk", ...data };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  event({ choices: [{ index: 0, delta: { role: "assistant", content: CONTENT } }] });
  event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  event({ choices: [], usage: USAGE });
  response.end("data: [DONE]\n\n");
}
