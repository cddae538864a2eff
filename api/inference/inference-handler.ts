import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "../../config/config.ts";
import { newId } from "../../shared/contracts/new-id.ts";
import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { CallerKey } from "../auth/key-auth.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { admitJob, type AdmitDeps } from "./admit-job.ts";
import { answerStream } from "./answer-stream.ts";
import { answerWhole } from "./answer-whole.ts";
import { chooseTarget } from "./choose-target.ts";
import type { CompiledRoute } from "./compiled-route.ts";
import type { JobRun } from "./job-run.ts";
import { makePlan } from "./make-plan.ts";
import { readRequest, type InferenceRequest } from "./read-request.ts";
import { deadlineOf, residencyOf, serviceClassOf } from "./request-terms.ts";

export interface InferenceDeps extends AdmitDeps {
  readonly server: Config["server"];
  readonly routes: ReadonlyMap<string, CompiledRoute>;
  readonly heartbeatMs: number;
  readonly random: () => number;
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Answers one inference endpoint: body in, job through the queues, result or stream out. */
export function inferenceHandler(deps: InferenceDeps, endpoint: Endpoint): Handler {
  return (request, reply) => {
    const work = answer(deps, endpoint, request, reply);
    request.facts.work = work;
    return work;
  };
}

async function answer(
  deps: InferenceDeps,
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const gone = disconnection(request, reply);
  const inference = readRequest(endpoint, request.body as Buffer | undefined, (model) =>
    findRoute(deps.routes, callerOf(request), model),
  );
  request.facts.model = inference.route.config.name;
  const run = await admit(deps, endpoint, request, inference, gone);
  request.facts.jobId = run.id;
  reply.header("x-spillway-job-id", run.id);
  return inference.stream
    ? await answerStream(run, reply, deps)
    : await answerWhole(run, reply, inference);
}

async function admit(
  deps: InferenceDeps,
  endpoint: Endpoint,
  request: FastifyRequest,
  inference: InferenceRequest,
  gone: AbortSignal,
): Promise<JobRun> {
  const key = callerOf(request);
  const { headers } = request;
  const { route, input, outputTokens, serviceTier } = inference;
  const residency = residencyOf(headers, key.residency);
  const { budgeted } = key;
  const { plan, inputTokens } = makePlan(route, { residency, input, outputTokens, budgeted });
  const elapsedMs = performance.now() - request.receivedAt;
  const deadlineMs = Math.floor(deadlineOf(headers, deps.server.deadlineMs) - elapsedMs);
  if (deadlineMs <= 0)
    throw new BrokerError("deadline_exceeded", "The deadline passed while the request came in.");
  const first = chooseTarget(plan, route.config, deps.board, deps.random);
  if (first === null)
    throw new BrokerError("no_capacity", `No provider of '${route.config.name}' is up.`);
  return await admitJob(deps, {
    id: newId("job"),
    key,
    endpoint,
    request: inference,
    plan,
    inputTokens,
    first,
    residency,
    serviceClass: serviceClassOf(serviceTier, key.maxServiceTier),
    deadlineMs,
    syncWaitMs: inference.stream ? undefined : deps.server.syncWaitMs,
    gone,
  });
}

/** A model that the key may not use does not exist for it. */
function findRoute(
  routes: ReadonlyMap<string, CompiledRoute>,
  key: CallerKey,
  model: string,
): CompiledRoute {
  const route = routes.get(model);
  if (route === undefined || key.models?.includes(model) === false)
    throw new BrokerError(
      "model_not_found",
      `The model '${model.slice(0, 128)}' does not exist or you do not have access to it.`,
      { param: "model" },
    );
  return route;
}

/** Aborts when the connection closes before the answer is complete. */
function disconnection(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const onClose = (): void => {
    if (reply.raw.writableFinished) return;
    request.facts.status = 499;
    gone.abort();
  };
  reply.raw.once("close", onClose);
  if (reply.raw.destroyed) onClose();
  return gone.signal;
}
