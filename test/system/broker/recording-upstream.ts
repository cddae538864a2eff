import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";

/** The upstream keeps every request byte by byte, and gives prepared answers. */
export interface RecordingUpstream {
  /** It ends with `/v1`. */
  readonly url: string;
  /** Bodies of the calls so far. */
  readonly bodies: readonly Buffer[];
  /** Every later call gets this answer: JSON, or the text of JSON or of an event stream. */
  answerWith(
    answer: { readonly json: object } | { readonly text: string } | { readonly events: string },
  ): void;
  /** Later calls get no answer until the returned function is called. */
  holdAnswers(): () => void;
  close(): Promise<void>;
}

/** The port is a free one on loopback. GET requests (probes) are answered with 200. */
export async function startRecordingUpstream(): Promise<RecordingUpstream> {
  const bodies: Buffer[] = [];
  let type = "application/json";
  let text = "{}";
  let released = Promise.resolve();
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const body = await readAll(request);
      if (request.method === "POST") {
        bodies.push(body);
        await released;
      }
      response.writeHead(200, { "content-type": type });
      response.end(text);
    };
    answer().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    bodies,
    answerWith(answer) {
      type = "events" in answer ? "text/event-stream" : "application/json";
      if ("events" in answer) text = answer.events;
      else text = "text" in answer ? answer.text : JSON.stringify(answer.json);
    },
    holdAnswers() {
      const { promise, resolve } = Promise.withResolvers<void>();
      released = promise;
      return resolve;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}
