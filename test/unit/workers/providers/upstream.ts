import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createServer as createRawServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { onTestFinished } from "vitest";
import type { ProviderConfig } from "../../../../config/config.ts";
import type { ProviderCall, ProviderSink } from "../../../../workers/providers/provider.ts";
import { assumedEngine } from "../../../../workers/engines/known-engines.ts";
import { createProvider } from "../../../../workers/providers/create-provider.ts";
import {
  defaultReadLimits,
  type ReadLimits,
} from "../../../../workers/providers/http/read-limits.ts";

export interface Upstream {
  readonly baseUrl: string;
  /** Sockets that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Sockets accepted since the start. */
  readonly accepted: () => number;
  /** Resolves when every socket is closed. */
  readonly allClosed: () => Promise<void>;
}

/** The server lasts for one test; `handler` gets each request with its whole body. */
export async function httpUpstream(
  handler: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<Upstream> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (bytes: Buffer) => chunks.push(bytes));
    request.on("end", () => handler(request, response, Buffer.concat(chunks).toString()));
  });
  return await listen(server);
}

/** The server lasts for one test; `handler` gets the socket once a request has come in. */
export async function rawUpstream(handler: (socket: Socket) => void): Promise<Upstream> {
  const server = createRawServer((socket) => {
    let seen = "";
    socket.on("data", (bytes: Buffer) => {
      seen += bytes.toString("latin1");
      const length = /content-length: (\d+)/i.exec(seen);
      const bodyAt = seen.indexOf("\r\n\r\n") + 4;
      if (bodyAt < 4 || seen.length < bodyAt + Number(length?.[1] ?? 0)) return;
      seen = "";
      handler(socket);
    });
  });
  return await listen(server);
}

async function listen(server: Server): Promise<Upstream> {
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let accepted = 0;
  server.on("connection", (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0) for (const wake of waiting.splice(0)) wake();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    sockets,
    accepted: () => accepted,
    allClosed: () =>
      new Promise((resolve) => {
        if (sockets.size === 0) resolve();
        else waiting.push(resolve);
      }),
  };
}

export function providerFor(
  baseUrl: string,
  changes: Partial<ProviderConfig> = {},
  limits: Partial<ReadLimits> = {},
  now = Date.now,
) {
  const config: ProviderConfig = {
    name: "gpu-a",
    location: "local",
    baseUrl,
    apiKey: "sk-upstream",
    slots: 2,
    timeouts: { connectMs: 2000, firstByteMs: 5000, idleMs: 5000 },
    responses: "auto",
    streamUpstream: true,
    maxTokensField: "max_tokens",
    ...changes,
  };
  const provider = createProvider(config, {
    engine: () => assumedEngine(config),
    limits: { ...defaultReadLimits, ...limits },
    now,
  });
  onTestFinished(() => provider.close());
  return provider;
}

export function callOf(changes: Partial<ProviderCall> = {}): ProviderCall {
  return {
    endpoint: "chat.completions",
    body: '{"messages":[]}',
    model: "m",
    maxOutputTokens: null,
    stream: false,
    requestId: "job-1.1",
    wantsUsage: true,
    choices: 1,
    signal: new AbortController().signal,
    ...changes,
  };
}

export interface RecordingSink extends ProviderSink {
  readonly heads: () => number;
  readonly text: () => string;
}

export function recordingSink(): RecordingSink {
  let heads = 0;
  let text = "";
  return {
    head: () => {
      heads += 1;
    },
    write: (more) => {
      text += more;
      return Promise.resolve();
    },
    heads: () => heads,
    text: () => text,
  };
}

export function chunk(delta: object, finish: string | null = null, more: object = {}): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices, ...more })}\n\n`;
}

export const usageChunk = `data: ${JSON.stringify({
  id: "c",
  choices: [],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
})}\n\n`;

export const sse = { "content-type": "text/event-stream" };

export const doneEvent = "data: [DONE]\n\n";

/** Sends the whole event stream in one piece. */
export async function streamUpstream(...events: readonly string[]): Promise<Upstream> {
  return await httpUpstream((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(events.join(""));
  });
}

/** Each write to this sink waits until `letGo` is called. */
export function blockingSink() {
  const blocked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const sink: ProviderSink = {
    head: () => undefined,
    write: () => {
      blocked.resolve();
      return gate.promise;
    },
  };
  return { sink, blocked: blocked.promise, letGo: gate.resolve };
}

/** Returns an https base URL whose server accepts connections and never sends a byte. */
export async function silentUpstream(onConnection: () => void): Promise<string> {
  const server = createRawServer(onConnection);
  const { baseUrl } = await listen(server);
  return baseUrl.replace("http:", "https:");
}

/** Nobody listens at this URL. */
export async function closedPort(): Promise<string> {
  const server = createRawServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return `http://127.0.0.1:${port}/v1`;
}
