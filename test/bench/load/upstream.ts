import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerTokens } from "./answer-tokens.ts";
import { benchModel } from "./bench-model.ts";

/** Time to the whole answer, or to a stream's first token. */
const firstTokenMs = 20;
const betweenTokensMs = 10;

const model = benchModel;
const usage = { prompt_tokens: 120, completion_tokens: answerTokens.length, total_tokens: 0 };
usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
const facts = { id: "chatcmpl-bench", created: 1_700_000_000, model };

const wholeAnswer = JSON.stringify({
  ...facts,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: answerTokens.join("") },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage,
});

function event(delta: Record<string, string>, finishReason: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
  return `data: ${JSON.stringify({ ...facts, object: "chat.completion.chunk", choices })}\n\n`;
}

const tokenEvents = answerTokens.map((content, index) =>
  event(index === 0 ? { role: "assistant", content } : { content }, null),
);
const usageEvent = `data: ${JSON.stringify({ ...facts, object: "chat.completion.chunk", choices: [], usage })}\n\n`;

function answerWhole(response: ServerResponse): void {
  setTimeout(() => {
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(wholeAnswer),
    });
    response.end(wholeAnswer);
  }, firstTokenMs);
}

function answerStream(response: ServerResponse, withUsage: boolean): void {
  let sent = 0;
  const sendToken = (): void => {
    response.write(tokenEvents[sent]);
    sent += 1;
    if (sent < tokenEvents.length) return;
    clearInterval(interval);
    response.end(`${event({}, "stop")}${withUsage ? usageEvent : ""}data: [DONE]\n\n`);
  };
  let interval: NodeJS.Timeout;
  const first = setTimeout(() => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    interval = setInterval(sendToken, betweenTokensMs);
    sendToken();
  }, firstTokenMs);
  response.on("close", () => {
    clearTimeout(first);
    clearInterval(interval);
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== "POST") {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "list", data: [{ id: model, object: "model" }] }));
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
