import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BENCH_MODEL } from "./load.ts";

/** The whole answer, or a stream's first token, comes after this time. */
const FIRST_TOKEN_MS = 20;
const BETWEEN_TOKENS_MS = 10;

/** The simulated upstream's answer, in the pieces that a stream sends one by one. */
const ANSWER_TOKENS: readonly string[] =
  "A spillway lets the overflow of a dam out, safely and measured, before the water finds a way of its own.".split(
    /(?= )/,
  );

const USAGE = { prompt_tokens: 120, completion_tokens: ANSWER_TOKENS.length, total_tokens: 0 };
USAGE.total_tokens = USAGE.prompt_tokens + USAGE.completion_tokens;
const COMMON_FIELDS = { id: "chatcmpl-bench", created: 1_700_000_000, model: BENCH_MODEL };

const WHOLE_ANSWER = JSON.stringify({
  ...COMMON_FIELDS,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: ANSWER_TOKENS.join("") },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: USAGE,
});

function event(delta: Record<string, string>, finishReason: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
  return `data: ${JSON.stringify({ ...COMMON_FIELDS, object: "chat.completion.chunk", choices })}\n\n`;
}

const TOKEN_EVENTS = ANSWER_TOKENS.map((content, index) =>
  event(index === 0 ? { role: "assistant", content } : { content }, null),
);
const USAGE_EVENT = `data: ${JSON.stringify({ ...COMMON_FIELDS, object: "chat.completion.chunk", choices: [], usage: USAGE })}\n\n`;

function answerWhole(response: ServerResponse): void {
  setTimeout(() => {
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(WHOLE_ANSWER),
    });
    response.end(WHOLE_ANSWER);
  }, FIRST_TOKEN_MS);
}

function answerStream(response: ServerResponse, withUsage: boolean): void {
  let sent = 0;
  const sendToken = (): void => {
    response.write(TOKEN_EVENTS[sent]);
    sent += 1;
    if (sent < TOKEN_EVENTS.length) return;
    clearInterval(interval);
    response.end(`${event({}, "stop")}${withUsage ? USAGE_EVENT : ""}data: [DONE]\n\n`);
  };
  let interval: NodeJS.Timeout;
  const first = setTimeout(() => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    interval = setInterval(sendToken, BETWEEN_TOKENS_MS);
    sendToken();
  }, FIRST_TOKEN_MS);
  response.on("close", () => {
    clearTimeout(first);
    clearInterval(interval);
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== "POST") {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "list", data: [{ id: BENCH_MODEL, object: "model" }] }));
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    if (body?.includes('"stream":true') === true)
      answerStream(response, body.includes('"include_usage":true'));
    else answerWhole(response);
  });
}

const server = createServer({ keepAliveTimeout: 120_000 }, answer);
server.listen(0, "127.0.0.1", 1024, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`upstream runs at http://127.0.0.1:${port}\n`);
});
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
