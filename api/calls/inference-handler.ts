import { hash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import type { Config } from "../../config/config.ts";
import type { Database } from "../../shared/db/database.ts";
import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { EgressPolicy } from "../../shared/egress/egress-policy.ts";
import type { IdempotencyKey } from "../../shared/idempotency/find-keyed-job.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { idempotencyKeyOf } from "../http/idempotency-key.ts";
import { preferencesOf, type Preferences } from "../http/prefer.ts";
import { cancelOnDisconnect } from "../jobs/cancel-on-disconnect.ts";
import { deliverAccepted, type DeliverDeps } from "../jobs/deliver-accepted.ts";
import { replayAccepted } from "../jobs/replay-accepted.ts";
import { responseView } from "../responses/response-view.ts";
import { acceptJob, type AcceptDeps } from "../../shared/jobs/accept-job.ts";
import { admitJob, type AdmitDeps } from "./admit-job.ts";
import { answerStream } from "./answer-stream.ts";
import { answerWhole } from "./answer-whole.ts";
import { disconnection } from "./disconnection.ts";
import { newJob, type NewJob, type NewJobDeps } from "../../shared/jobs/new-job.ts";
import { readInference, type ReadDeps } from "../../shared/requests/read-inference.ts";
import type { InferenceRequest } from "../../shared/requests/read-request.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import { callLimits } from "./call-limits.ts";
import { joinLost, sdkTryOf, watchLoss } from "./sdk-retries.ts";
import { chunkView, type StreamView } from "./stream-view.ts";
import { warningHeader } from "./warning-header.ts";
import { webhookUrlOf } from "./webhook-url.ts";

export interface InferenceDeps extends AdmitDeps, AcceptDeps, DeliverDeps, NewJobDeps, ReadDeps {
  readonly server: Config["server"];
  readonly database: Pick<Database, "accept" | "end"> & { readonly pool: Pool };
  readonly jobs: AdmitDeps["jobs"];
  readonly providerStates: AdmitDeps["providerStates"];
  readonly egress: EgressPolicy;
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

type ReadBody = (deps: ReadDeps, key: CallerKey, raw: Buffer) => Promise<InferenceRequest>;

/**
 * Answers one inference endpoint: body in, job through the queues, result, stream or job out. `read`:
 * what its bodies mean, unless they are the endpoint's own.
 */
export function inferenceHandler(
  deps: InferenceDeps,
  endpoint: Endpoint,
  read: ReadBody = (given, key, raw) => readInference(given, endpoint, key, raw),
): Handler {
  return (request, reply) => {
    const work = answer(deps, endpoint, read, request, reply);
    request.logFields.work = work;
    return work;
  };
}

async function answer(
  deps: InferenceDeps,
  endpoint: Endpoint,
  read: ReadBody,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const gone = disconnection(request, reply);
  const key = callerOf(request);
  const preferences = preferencesOf(request.headers);
  const raw = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
  const path = request.routeOptions.url ?? "";
  const idempotency = idempotencyOf(request, path, raw);
  if (idempotency !== undefined) {
    const asked = { caller: key.id, idempotency, preferences, gone };
    const replay = await replayAccepted(deps, request, reply, asked);
    if (replay !== undefined) return replay.answer;
  }
  const inference = await read(deps, key, raw);
  request.logFields.model = inference.route.config.name;
  const { stream, response, loweredCap } = inference;
  reply.headers(warningHeader(inference, key, deps.providerStates));
  if (loweredCap !== undefined) reply.header("x-spillway-max-output-tokens", String(loweredCap));
  const background = response?.background === true;
  const isAsync = preferences.respondAsync || background;
  const webhookUrl = await webhookUrlOf(deps.egress, key, inference.webhookUrl, isAsync);
  const mayComeAgain = deps.server.attachRetries && !isAsync && idempotency === undefined;
  const sdkTry = mayComeAgain ? sdkTryOf(request, path, raw) : undefined;
  const deliver = (job: string): Promise<unknown> =>
    deliverAccepted(deps, request, reply, { job, preferences, background, stream, gone });

  const lost = sdkTry === undefined ? undefined : await joinLost(deps, key.id, sdkTry);
  if (lost !== undefined) return await watchLoss(deps, lost, gone, deliver(lost));
  const { headers, receivedAt } = request;
  const asked = { key, request: inference, callerWaits: !isAsync };
  const terms = newJob(deps, {
    ...asked,
    ...callLimits(deps.server, { ...asked, headers, receivedAt }),
    endpoint,
  });
  const isStored = inference.stored || sdkTry !== undefined;
  if (!isAsync && !isStored && idempotency === undefined)
    return await answerInteractive(deps, terms, preferences, gone, request, reply);
  // Who holds the connection alone and gives no key under which to come again has gone for good.
  const isHeld = !isAsync && idempotency === undefined;
  const accepted = await acceptJob(deps, terms, {
    idempotency,
    notify: isAsync,
    webhookUrl,
    isHeld,
    requestHash: sdkTry?.hash,
  });
  if (accepted.attached) reply.header("idempotent-replayed", "true");
  const delivered = deliver(accepted.job);
  if (sdkTry !== undefined) return await watchLoss(deps, accepted.job, gone, delivered);
  return isHeld ? await cancelOnDisconnect(deps, accepted.job, gone, delivered) : await delivered;
}

function idempotencyOf(
  { headers }: FastifyRequest,
  path: string,
  raw: Buffer,
): IdempotencyKey | undefined {
  const key = idempotencyKeyOf(headers);
  return key === undefined ? undefined : { path, key, hash: hash("sha256", raw) };
}

/** A job that nothing is stored of: its caller's connection is all that waits for it. */
async function answerInteractive(
  deps: InferenceDeps,
  terms: NewJob,
  { waitMs }: Preferences,
  gone: AbortSignal,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { syncWaitMs } = deps.server;
  const inference = terms.request;
  // A stream has no limit to how long it is waited for.
  if (waitMs !== undefined && !inference.stream)
    reply.header("preference-applied", `wait=${waitMs / 1_000}`);
  const run = await admitJob(deps, {
    ...terms,
    syncWaitMs: inference.stream ? undefined : Math.min(waitMs ?? syncWaitMs, syncWaitMs),
    gone,
  });
  request.logFields.jobId = run.id;
  reply.header("x-spillway-job-id", run.id);
  return inference.stream
    ? await answerStream(run, reply, {
        heartbeatMs: deps.timings.heartbeatMs,
        view: viewFor(terms),
      })
    : await answerWhole(run, reply, inference);
}

function viewFor({ request, jobRequest }: NewJob): StreamView {
  const { response: context, maxOutputTokens } = jobRequest;
  if (context === undefined) return chunkView;
  const fields = request.response?.fields ?? {};
  return responseView({ fields, context, maxOutputTokens, startingAfter: -1 });
}
