import type { FastifyReply, FastifyRequest } from "fastify";
import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { findKeyedJob } from "../../shared/idempotency/find-keyed-job.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import { readInference, type ReadDeps } from "../../shared/requests/read-inference.ts";
import type { InferenceRequest } from "../../shared/requests/read-request.ts";
import { answerInteractive } from "./answer-interactive.ts";
import { answerReplay } from "./answer-replay.ts";
import { answerJoined, answerStored } from "./answer-stored.ts";
import type { CallDeps } from "./call-deps.ts";
import { openCall, type InferenceCall, type ReadCall } from "./inference-call.ts";
import { planAnswer, type CallTraits } from "./plan-answer.ts";
import { sdkRetriesOf } from "./sdk-retries.ts";
import { warningHeader } from "./warning-header.ts";
import { webhookUrlOf } from "./webhook-url.ts";

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

type ReadBody = (deps: ReadDeps, key: CallerKey, body: Buffer) => Promise<InferenceRequest>;

/**
 * Answers one inference endpoint: body in, job through the queues, result, stream or job out.
 * `read` interprets bodies that are not the endpoint's own.
 */
export function inferenceHandler(
  deps: CallDeps,
  endpoint: Endpoint,
  read: ReadBody = (given, key, body) => readInference(given, endpoint, key, body),
): Handler {
  return (request, reply) => {
    const work = answer(deps, endpoint, read, reply);
    request.logFields.work = work;
    return work;
  };
}

async function answer(
  deps: CallDeps,
  endpoint: Endpoint,
  read: ReadBody,
  reply: FastifyReply,
): Promise<unknown> {
  const opened = openCall(endpoint, reply);
  const { key, idempotency } = opened;
  if (idempotency !== undefined) {
    // This comes before the body is read, since what the body refers to may have changed.
    const job = await askDatabase(() => findKeyedJob(deps.database.pool, key.id, idempotency));
    if (job !== undefined) return await answerReplay(deps, opened, job);
  }
  const call = await readCall(deps, opened, read);
  const plan = planAnswer(traitsOf(deps, call));
  const isAsync = plan.kind === "stored" && !plan.callerWaits;
  const webhookUrl = await webhookUrlOf(deps.egress, key, call.inference.webhookUrl, isAsync);
  if (plan.kind === "join") return await answerJoined(deps, call, plan.otherwise);
  if (plan.kind === "interactive") return await answerInteractive(deps, call);
  return await answerStored(deps, call, plan, webhookUrl);
}

/** Reads the body, and sends headers about the parts of it that are left out or lowered. */
async function readCall(deps: CallDeps, call: InferenceCall, read: ReadBody): Promise<ReadCall> {
  const { key, reply } = call;
  const inference = await read(deps, key, call.body);
  const { loweredCap } = inference;
  reply.request.logFields.model = inference.route.config.name;
  reply.headers(warningHeader(inference, key, deps.providerStates));
  if (loweredCap !== undefined) reply.header("x-spillway-max-output-tokens", String(loweredCap));
  return { ...call, inference };
}

function traitsOf({ server }: CallDeps, { inference, ...call }: ReadCall): CallTraits {
  return {
    hasIdempotencyKey: call.idempotency !== undefined,
    respondAsync: call.preferences.respondAsync,
    background: inference.response?.background === true,
    stored: inference.stored,
    sdkRetries: sdkRetriesOf(call.reply.request.headers),
    attachRetries: server.attachRetries,
  };
}
