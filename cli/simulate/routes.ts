import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { type Engine, answerCall } from "./answer-call.ts";
import { Call } from "./call.ts";
import type { CounterBook, Counters } from "./counters.ts";
import { type Fault, faultSchema } from "./faults.ts";
import { metricsText } from "./metrics.ts";
import { HttpError } from "./http-error.ts";
import { sendError } from "./send-body.ts";

interface RouteDeps {
  readonly engine: Engine;
  readonly book: CounterBook;
  readonly apiKey: string | undefined;
  /** Tells whether `/v1/responses` exists. */
  readonly responses: boolean;
  readonly counters: () => Counters;
  readonly setFault: (fault: Fault | null) => void;
  readonly reset: () => void;
  /** Called for each inference call, so that the call learns when its client leaves. */
  readonly opened: (call: Call, request: IncomingMessage) => void;
}

const INFERENCE_PATHS = {
  "/v1/chat/completions": "chat.completions",
  "/v1/completions": "completions",
  "/v1/embeddings": "embeddings",
  "/v1/responses": "responses",
} as const;

/** Creates the request listener of the simulator's HTTP server. */
export function createRoutes(
  deps: RouteDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { engine, book } = deps;
  const authorized = (request: IncomingMessage): boolean =>
    deps.apiKey === undefined || request.headers.authorization === `Bearer ${deps.apiKey}`;

  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "/";
    const served = deps.responses || path !== "/v1/responses";
    if (request.method === "POST" && served && isInferencePath(path)) {
      const call = new Call(request, response, book);
      deps.opened(call, request);
      if (authorized(request)) void answerCall(call, INFERENCE_PATHS[path], engine);
      else void refuseKey(call, engine);
      return;
    }
    const send = (status: number, body: string, type = "application/json"): void => {
      request.resume();
      response.writeHead(status, { "content-type": type });
      response.end(body);
    };
    if (path.startsWith("/sim/")) {
      void control(deps, request, path, send);
      return;
    }
    if (request.method === "GET" && isProbePath(path)) book.probe();
    const get = request.method === "GET" ? path : "";
    if (get === "/v1/models") {
      if (authorized(request)) send(200, modelList(engine));
      else send(401, wrongKey().body(engine.kind));
    } else if (get === "/health" && engine.kind === "gpu") send(200, "");
    else if (get === "/metrics" && engine.kind === "gpu") {
      const model = engine.models?.[0] ?? ANY_MODEL;
      send(200, metricsText(engine.slots, book.totals, model), "text/plain; version=0.0.4");
    } else
      send(404, new HttpError({ status: 404, message: `Not found: ${path}` }).body(engine.kind));
  };
}

const ANY_MODEL = "sim-model";

async function control(
  deps: RouteDeps,
  request: IncomingMessage,
  path: string,
  send: (status: number, body: string) => void,
): Promise<void> {
  switch (`${request.method} ${path}`) {
    case "GET /sim/counters":
      return send(200, JSON.stringify(deps.counters()));
    case "GET /sim/bodies":
      return send(200, JSON.stringify(deps.engine.bodies.all()));
    case "POST /sim/reset":
      deps.reset();
      return send(200, "{}");
    case "DELETE /sim/fault":
      deps.setFault(null);
      return send(200, "{}");
    case "POST /sim/fault": {
      const fault = faultSchema.safeParse(await readJson(request));
      if (fault.success) deps.setFault(fault.data);
      return fault.success
        ? send(200, JSON.stringify(fault.data))
        : send(400, JSON.stringify({ error: z.prettifyError(fault.error) }));
    }
    default:
      return send(404, JSON.stringify({ error: `nothing at ${request.method} ${path}` }));
  }
}

/** Reads the body as JSON; undefined when it is not JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}

async function refuseKey(call: Call, engine: Engine): Promise<void> {
  await call.body();
  sendError(call, wrongKey(), engine.kind);
}

function wrongKey(): HttpError {
  const message = "Incorrect API key provided.";
  return new HttpError({ status: 401, message, code: "invalid_api_key" });
}

function modelList({ kind, models, contextLength }: Engine): string {
  const data = (models ?? [ANY_MODEL]).map((id) => ({
    id,
    object: "model",
    created: 1_700_000_000,
    owned_by: kind === "gpu" ? "vllm" : "system",
    ...(kind === "gpu" ? { root: id, parent: null, max_model_len: contextLength ?? null } : {}),
  }));
  return JSON.stringify({ object: "list", data });
}

function isProbePath(path: string): boolean {
  return path === "/health" || path === "/v1/models" || path === "/metrics";
}

function isInferencePath(path: string): path is keyof typeof INFERENCE_PATHS {
  return Object.hasOwn(INFERENCE_PATHS, path);
}
