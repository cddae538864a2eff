import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { PlayedAnswers } from "./played-engine.ts";

/**
 * An engine's HTTP server. Its GET requests have fixed answers; a function of the test answers its
 * calls.
 */
export interface PlayedServer {
  /** The base URL, which ends with `/v1`. */
  readonly url: string;
  /** The answers can be replaced while the server runs. */
  answers: PlayedAnswers;
  /** The calls so far, with their headers. */
  readonly calls: {
    readonly body: Record<string, unknown>;
    readonly headers: IncomingMessage["headers"];
  }[];
  /** Answers a call, by default with a whole chat completion. */
  answer: (
    body: Record<string, unknown>,
    response: ServerResponse,
    path: string,
  ) => void | Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the server on a free loopback port. When `key` is set, `/v1` requires it as bearer token.
 */
export async function startPlayedServer(
  answers: PlayedAnswers,
  { key }: { readonly key?: string } = {},
): Promise<PlayedServer> {
  const server = createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy());
  });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? "/";
    const text = await readText(request);
    const json = (status: number, body: string) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body);
    };
    if (
      key !== undefined &&
      path.startsWith("/v1") &&
      request.headers.authorization !== `Bearer ${key}`
    ) {
      json(401, '{"error":"Unauthorized"}');
      return;
    }
    const isMetadata = request.method === "GET" || path.startsWith("/api/");
    if (!isMetadata) {
      const body = JSON.parse(text) as Record<string, unknown>;
      played.calls.push({ body, headers: request.headers });
      await played.answer(body, response, path);
      return;
    }
    const found = played.answers[request.method === "GET" ? path : `${path} ${text}`];
    if (found === undefined) json(404, '{"detail":"Not Found"}');
    else if ("status" in found && "text" in found) json(found.status, found.text);
    else json(200, JSON.stringify(found));
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  const played: PlayedServer = {
    url: `http://127.0.0.1:${address.port}/v1`,
    answers,
    calls: [],
    answer: (body, response) => {
      completeChat(body, response);
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return played;
}

/** Answers with a whole chat completion or a stream of it, with this usage. */
export function completeChat(
  body: Record<string, unknown>,
  response: ServerResponse,
  usage: { readonly prompt_tokens: number; readonly completion_tokens: number } = {
    prompt_tokens: 12,
    completion_tokens: 3,
  },
): void {
  const whole = { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens };
  if (body["stream"] !== true) {
    const message = { role: "assistant", content: "Herons wade." };
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "chat.completion", choices, usage: whole }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (value: object) => response.write(`data: ${JSON.stringify(value)}\n\n`);
  const delta = { role: "assistant", content: "Herons wade." };
  event({ object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: null }] });
  event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  event({ choices: [], usage: whole });
  response.end("data: [DONE]\n\n");
}

/** Answers with an error in the engine's own format. */
export function refuse(response: ServerResponse, status: number, error: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error }));
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
