import { Client } from "undici";
import { asObject, parseJson, type JsonObject } from "../../shared/json/json-object.ts";

export interface EngineAnswer {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The `server` header, if any. */
  readonly server: string | undefined;
  readonly text: string;
  /** The body, or undefined if it is not a JSON object. */
  readonly json: JsonObject | undefined;
}

/** Asks one engine. It never throws. */
export interface EngineClient {
  /** `path` is below the engine's root, e.g. `/metrics`. */
  get(path: string): Promise<EngineAnswer>;
  /** `path` is below the base URL as configured, e.g. `/models`. */
  getBelowBase(path: string): Promise<EngineAnswer>;
  /** Reads metadata that no GET has, and must not run a model. */
  post(path: string, body: object): Promise<EngineAnswer>;
}

export interface EngineEndpoint {
  /** The URL as configured, e.g. `http://10.0.0.5:8000/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  /** Longest time of one request. */
  readonly timeoutMs: number;
  /** Ends all requests. */
  readonly signal?: AbortSignal;
}

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const NO_ANSWER: EngineAnswer = { status: 0, server: undefined, text: "", json: undefined };

/**
 * Makes requests of our own to an engine, with the provider's key. Each uses a connection of its own,
 * closed afterwards, so that none takes the socket of a slot.
 */
export function createEngineClient({
  baseUrl,
  apiKey,
  timeoutMs,
  signal,
}: EngineEndpoint): EngineClient {
  const base = baseUrl.replace(/\/+$/, "");
  const root = base.replace(/\/v1$/, "");
  const credential = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const send = async (url: URL, body?: object): Promise<EngineAnswer> => {
    const client = new Client(url.origin, { allowH2: false, connectTimeout: timeoutMs });
    try {
      const answer = await client.request({
        path: url.pathname + url.search,
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...credential,
          accept: "application/json, text/plain",
          "user-agent": "spillway",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([
          AbortSignal.timeout(timeoutMs),
          ...(signal === undefined ? [] : [signal]),
        ]),
      });
      const text = await readText(answer.body);
      const server = answer.headers["server"];
      return {
        status: answer.statusCode,
        server: Array.isArray(server) ? server[0] : server,
        text,
        json: asObject(parseJson(text)),
      };
    } catch {
      return NO_ANSWER;
    } finally {
      await client.destroy();
    }
  };
  return {
    get: (path) => send(new URL(root + path)),
    getBelowBase: (path) => send(new URL(base + path)),
    post: (path, body) => send(new URL(root + path), body),
  };
}

async function readText(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error("the engine's answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
