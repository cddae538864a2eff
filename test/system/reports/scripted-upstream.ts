import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";

interface AskedCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A whole HTTP answer; `chunks` are written one after the other. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly chunks: readonly (string | Buffer)[];
  /** The socket breaks after the chunks. */
  readonly breaks?: boolean;
}

type Script = (call: AskedCall, number: number) => ScriptedAnswer;

/** Its script decides the answer to each POST. */
export interface ScriptedUpstream {
  /** It ends with `/v1`. */
  readonly url: string;
  /**
   * Inference calls since the script was set. Calls for `/responses`, which it lacks, are left out.
   */
  readonly calls: readonly AskedCall[];
  play(script: Script, health?: () => number): void;
  close(): Promise<void>;
}

const silent: Script = () => ({ status: 500, chunks: ["{}"] });
const well = () => 200;

/** The port is a free one on loopback. */
export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  let calls: AskedCall[] = [];
  let script = silent;
  let health = well;
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const parts: Uint8Array[] = [];
      for await (const part of request) if (part instanceof Uint8Array) parts.push(part);
      if (request.method !== "POST") {
        response.writeHead(health(), { "content-type": "application/json" }).end("{}");
        return;
      }
      const path = request.url ?? "";
      if (path.endsWith("/responses")) {
        response
          .writeHead(404, { "content-type": "application/json" })
          .end('{"detail":"Not Found"}');
        return;
      }
      const text = Buffer.concat(parts).toString();
      const body = JSON.parse(text) as Record<string, unknown>;
      const call = { path, headers: request.headers, text, body };
      calls.push(call);
      const played = script(call, calls.length);
      const headers = { "content-type": "application/json", ...played.headers };
      response.writeHead(played.status ?? 200, headers as OutgoingHttpHeaders);
      for (const chunk of played.chunks) response.write(chunk);
      if (played.breaks === true) response.destroy();
      else response.end();
    };
    answer().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    get calls() {
      return calls;
    },
    play(next, nextHealth = well) {
      calls = [];
      script = next;
      health = nextHealth;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };

/** `fields` replace or add to the answer's top level. */
export function wholeAnswer(fields: object = {}): ScriptedAnswer {
  return {
    chunks: [
      JSON.stringify({
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: "Blue herons wade." },
            finish_reason: "stop",
          },
        ],
        usage,
        ...fields,
      }),
    ],
  };
}

export function wholeChoice(content: unknown, finishReason: unknown, message: object = {}) {
  return wholeAnswer({
    choices: [
      {
        index: 0,
        message: { role: "assistant", content, ...message },
        finish_reason: finishReason,
      },
    ],
  });
}

export interface StreamParts {
  /** Fields of every chunk. */
  readonly every?: object;
  readonly deltas?: readonly object[];
  readonly finish?: unknown;
  readonly usage?: object | null;
  readonly done?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text before all events. */
  readonly before?: string;
}

export function streamAnswer(parts: StreamParts = {}): ScriptedAnswer {
  const {
    every = {},
    deltas = [{ content: "Blue herons " }, { content: "wade." }],
    finish = "stop",
    done = true,
    before = "",
  } = parts;
  const chunk = (fields: object): string =>
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", ...fields, ...every })}\n\n`;
  const choice = (delta: object, reason: unknown = null): string =>
    chunk({ choices: [{ index: 0, delta, finish_reason: reason }] });
  return {
    headers: { "content-type": "text/event-stream", ...parts.headers },
    chunks: [
      before,
      choice({ role: "assistant", content: "" }),
      ...deltas.map((delta) => choice(delta)),
      ...(finish === undefined ? [] : [choice({}, finish)]),
      ...(parts.usage === null ? [] : [chunk({ choices: [], usage: parts.usage ?? usage })]),
      ...(done ? ["data: [DONE]\n\n"] : []),
    ].filter((text) => text !== ""),
  };
}

export function errorAnswer(status: number, body: unknown, headers: Record<string, string> = {}) {
  return {
    status,
    headers,
    chunks: [typeof body === "string" ? body : JSON.stringify(body)],
  } satisfies ScriptedAnswer;
}
