import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The pause is longer than the broker's heartbeat interval of 15 s, so that a heartbeat falls into
 * it.
 */
const PAUSE_MS = 16_500;

interface PausingEngine {
  /** The base URL, which ends with `/v1`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts an engine that streams two words with a long pause between them. Each of its events has an
 * `id:` line, as some gateways write them, which changes how clients read a later comment.
 */
export async function startPausingEngine(): Promise<PausingEngine> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      if (request.method === "POST") void answer(response);
      else
        response.setHeader("content-type", "application/json").end('{"object":"list","data":[]}');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function answer(response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let id = 0;
  const send = (delta: object, finish: string | null, more: object = {}): void => {
    id += 1;
    const choices = [{ index: 0, delta, finish_reason: finish }];
    const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices };
    response.write(`id: ${id}\ndata: ${JSON.stringify({ ...chunk, ...more })}\n\n`);
  };
  send({ role: "assistant", content: "before" }, null);
  await sleep(PAUSE_MS);
  send({ content: " after" }, null);
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  send({}, "stop", { usage });
  response.end("data: [DONE]\n\n");
}
