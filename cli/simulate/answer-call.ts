import { parseObject } from "./body-fields.ts";
import type { BodyLog } from "./body-log.ts";
import type { Call } from "./call.ts";
import { ChunkFormat } from "./chunk-format.ts";
import { obeyedBody, type DialectName } from "./dialect.ts";
import { embeddingsBody } from "./embeddings.ts";
import type { Fault, InjectedFaults } from "./faults.ts";
import { type Generation, planGeneration } from "./generation.ts";
import {
  type EmbeddingRequest,
  type GenerationRequest,
  readInferenceRequest,
  type SimulatedEndpoint,
} from "./inference-request.ts";
import { Pace, type PaceOptions } from "./pace.ts";
import { ResponseFormat } from "./response-format.ts";
import { HttpError, type SimulatorKind } from "./http-error.ts";
import { sendBody, sendError } from "./send-body.ts";
import { sendStream } from "./send-stream.ts";
import type { Slots } from "./slots.ts";
import type { WireFormat, WireOptions } from "./wire-format.ts";

/** The simulated model server behind the HTTP server. */
export interface Engine {
  readonly kind: SimulatorKind;
  readonly slots: Slots;
  readonly faults: InjectedFaults;
  readonly pace: PaceOptions;
  /** How many tokens of text an answer has when the request does not say. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly contextLength: number | undefined;
  /** The engine family whose extra names are obeyed; undefined means OpenAI's names only. */
  readonly dialect: DialectName | undefined;
  /** Undefined means that every model is known. */
  readonly models: readonly string[] | undefined;
  readonly bodies: BodyLog;
  readonly nextId: () => number;
}

/** Reads one inference call and answers it with tokens, a fault or an error. */
export async function answerCall(
  call: Call,
  endpoint: SimulatedEndpoint,
  engine: Engine,
): Promise<void> {
  const bytes = await call.body();
  if (bytes === undefined || !call.open) return;
  try {
    const written = parseObject(bytes);
    const { dialect } = engine;
    const body = dialect === undefined ? written : obeyedBody(dialect, endpoint, written);
    engine.bodies.add({ endpoint, clientRequestId: call.clientRequestId, body });
    const request = readInferenceRequest(endpoint, body, engine.kind);
    if (engine.models !== undefined && !engine.models.includes(request.model)) {
      throw unknownModel(request.model);
    }
    await answerRequest(call, request, engine);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    sendError(call, error, engine.kind);
  }
}

async function answerRequest(
  call: Call,
  request: GenerationRequest | EmbeddingRequest,
  engine: Engine,
): Promise<void> {
  // The plan comes first, so that a request that exceeds the context is refused before it takes a
  // slot.
  const generation =
    request.endpoint === "embeddings" ? undefined : planGeneration(request, engine);
  const subject = { model: request.model, clientRequestId: call.clientRequestId };
  const taken = await engine.slots.take(call, () => !engine.faults.refusesWhenFull(subject));
  if (!taken) {
    call.tally.totals.refusedFull += 1;
    throw full(engine.kind);
  }
  if (!call.open) return;
  const fault = engine.faults.forRunning(subject);
  if (fault !== undefined) {
    call.tally.totals.faultHits += 1;
    if (await answerInstead(call, fault, engine.kind)) return;
  }
  call.countPrompt(request.prompts.reduce((sum, prompt) => sum + prompt.tokens, 0));
  const pace = new Pace(engine.pace);
  if (request.endpoint === "embeddings") {
    await pace.reach(call, 1);
    await sendBody(call, embeddingsBody(request), fault, engine.kind);
  } else if (generation !== undefined) {
    await generate(call, request, generation, { engine, pace, fault });
  }
}

interface GenerateOptions {
  readonly engine: Engine;
  readonly pace: Pace;
  readonly fault: Fault | undefined;
}

async function generate(
  call: Call,
  request: GenerationRequest,
  generation: Generation,
  { engine, pace, fault }: GenerateOptions,
): Promise<void> {
  const steps = Math.min(generation.steps, tokensBefore(fault));
  const format = wireFormat({
    kind: engine.kind,
    serial: engine.nextId(),
    request,
    generation,
    steps,
    usage: fault?.type === "wrong_usage" ? fault.usage : undefined,
    aborts: fault?.type === "abort_finish",
  });
  if (request.stream) {
    await sendStream(call, { kind: engine.kind, generation, steps, pace, format, fault });
    return;
  }
  await pace.reach(call, steps);
  call.countGenerated(generation.tokensAfter(call.open ? steps : pace.ready(steps)));
  await sendBody(call, format.body(), fault, engine.kind);
}

function wireFormat(options: WireOptions): WireFormat {
  return options.request.endpoint === "responses"
    ? new ResponseFormat(options)
    : new ChunkFormat(options);
}

/** Applies a fault that replaces the answer. Returns false for all other faults. */
async function answerInstead(call: Call, fault: Fault, kind: SimulatorKind): Promise<boolean> {
  if (fault.type === "status") sendStatus(call, fault, kind);
  else if (fault.type === "hang") await call.untilEnd();
  else if (fault.type === "drop") call.drop();
  else if (fault.type === "html") {
    call.head(200, { "content-type": "text/html" });
    call.end("<!doctype html><html><body><h1>Welcome to nginx!</h1></body></html>", false);
  } else return false;
  return true;
}

function sendStatus(
  call: Call,
  { status, body, headers }: Extract<Fault, { type: "status" }>,
  kind: SimulatorKind,
): void {
  const type = typeof body === "string" ? "text/plain" : "application/json";
  call.head(status, { "content-type": type, ...headers });
  if (typeof body === "string") call.end(body, false);
  else if (body !== undefined) call.end(JSON.stringify(body), false);
  else call.end(new HttpError({ status, message: `Simulated ${status}.` }).body(kind), false);
}

/** Returns how many tokens come before the fault shows. */
function tokensBefore(fault: Fault | undefined): number {
  if (fault?.type === "hang_after") return fault.tokens;
  if (fault !== undefined && "afterTokens" in fault && fault.afterTokens !== undefined) {
    return fault.afterTokens;
  }
  return fault?.type === "in_band_error" || fault?.type === "malformed" ? 0 : Infinity;
}

function unknownModel(model: string): HttpError {
  const message = `The model \`${model}\` does not exist.`;
  return new HttpError({ status: 404, message, code: "model_not_found", param: "model" });
}

function full(kind: SimulatorKind): HttpError {
  if (kind === "gpu") return new HttpError({ status: 503, message: "The request queue is full." });
  const message = "Rate limit reached: too many requests at once. Please try again in 1s.";
  return new HttpError({ status: 429, message, code: "rate_limit_exceeded", retryAfterSeconds: 1 });
}
