import { newId } from "../contracts/new-id.ts";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { JobRequest } from "../contracts/job-request.ts";
import type { Plan, Residency } from "../contracts/plan.ts";
import type { ResponseContext } from "../contracts/response-context.ts";
import { serviceClasses } from "../contracts/job-request.ts";
import { accountErrors } from "../errors/account-errors.ts";
import { BrokerError } from "../errors/broker-error.ts";
import type { ProviderStates } from "../providers/provider-states.ts";
import { findUntranslatable } from "../responses/find-untranslatable.ts";
import { findReference } from "../responses/item-references.ts";
import { responseId } from "../responses/response-id.ts";
import type { CallerKey } from "../keys/caller-key.ts";
import { accountProblem } from "../routing/account-problem.ts";
import { chooseTarget, type ChosenTarget } from "../routing/choose-target.ts";
import type { CompiledRoute } from "../routing/compiled-route.ts";
import { makePlan } from "../routing/make-plan.ts";
import type { InferenceRequest } from "../requests/read-request.ts";

export interface NewJobDeps {
  readonly providerStates: Pick<ProviderStates, "get">;
  readonly random: () => number;
}

export interface NewJobInput {
  /** Without it, the job gets a new id. A line of a batch has named its job before. */
  readonly id?: string;
  readonly key: CallerKey;
  readonly endpoint: Endpoint;
  readonly request: InferenceRequest;
  readonly residency: Residency;
  /** The number of the service class. */
  readonly serviceClass: number;
  /** Milliseconds from now. */
  readonly deadlineMs: number;
  /** The caller waits on the connection, so it may be told that there is no capacity. */
  readonly callerWaits: boolean;
}

/** The facts that are fixed before a job is admitted. */
export interface NewJob {
  readonly id: string;
  readonly key: CallerKey;
  readonly endpoint: Endpoint;
  readonly request: InferenceRequest;
  /** The request that a worker will run. */
  readonly jobRequest: JobRequest;
  readonly plan: Plan;
  /** The most input tokens at any target of the plan. */
  readonly inputTokens: number;
  readonly first: ChosenTarget;
  readonly residency: Residency;
  readonly serviceClass: number;
  readonly deadlineMs: number;
}

/**
 * Works out where a request may go, what it may cost there and by when. Throws `BrokerError`
 * `no_capacity`, one of `accountErrors`, or `invalid_request` with the field at fault.
 */
export function newJob(deps: NewJobDeps, asked: NewJobInput): NewJob {
  const { key, endpoint, request, residency, serviceClass, deadlineMs, callerWaits } = asked;
  const { input, outputTokens } = request;
  checkReferences(request);
  const { budgeted } = key;
  const route = fileReaders(ableTargets(request), request, residency);
  const { plan, inputTokens } = makePlan(route, { residency, input, outputTokens, budgeted });
  const rules = callerWaits ? route.config : { ...route.config, noCapacity: "wait" as const };
  const problem = callerWaits ? accountProblem(plan, rules, deps.providerStates) : undefined;
  if (problem !== undefined) {
    const { code, message, retryable } = accountErrors[problem];
    throw new BrokerError(code, message, { retryable });
  }
  const first = chooseTarget(plan, rules, deps.providerStates, deps.random);
  if (first === null) {
    const retryAfterMs = soonestMs(plan, deps.providerStates);
    const when = retryAfterMs === undefined ? {} : { retryAfterMs };
    throw new BrokerError("no_capacity", `No provider of '${route.config.name}' is up.`, when);
  }
  const id = asked.id ?? newId("job");
  return {
    id,
    key,
    endpoint,
    request,
    jobRequest: toJobRequest(id, asked),
    plan,
    inputTokens,
    first,
    residency,
    serviceClass,
    deadlineMs,
  };
}

/**
 * Returns the milliseconds until the first resting provider may be tried; undefined if none rests.
 */
function soonestMs(plan: Plan, providerStates: Pick<ProviderStates, "get">): number | undefined {
  const waits = plan.flatMap(({ provider }) => {
    const until = providerStates.get(provider)?.restsUntil;
    return until == null ? [] : [Math.max(1, until - Date.now())];
  });
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Refuses a reference to an item that the broker has not stored: no upstream could resolve it. */
function checkReferences({ response }: InferenceRequest): void {
  const param = findReference(response?.fields["input"]);
  if (param !== undefined)
    throw new BrokerError("invalid_request", "There is no such item.", { param });
}

/**
 * Keeps the providers that take responses themselves if chat completions cannot express the
 * request.
 */
function ableTargets({ route, response }: InferenceRequest): CompiledRoute {
  const problem = response === undefined ? undefined : findUntranslatable(response.fields);
  if (problem === undefined) return route;
  const targets = route.targets.filter((target) => target.responses !== "translate");
  if (targets.length > 0) return { ...route, targets };
  throw new BrokerError("invalid_request", problem.message, { param: problem.param });
}

/**
 * Keeps the targets that read files, if the request still has one. Files that the broker can read
 * have become text or images before, and local engines refuse the others.
 */
function fileReaders(
  route: CompiledRoute,
  { opaqueFile }: InferenceRequest,
  residency: Residency,
): CompiledRoute {
  if (opaqueFile === undefined) return route;
  const targets = route.targets.filter((target) => target.readsFiles);
  if (targets.some(({ location }) => residency === "any" || location === "local"))
    return { ...route, targets };
  throw new BrokerError(
    "invalid_request",
    `${opaqueFile}: no provider that '${route.config.name}' has for this request reads such files. ` +
      "Send its text, as a text file or in the prompt, or images of its pages.",
    { param: opaqueFile },
  );
}

function toJobRequest(
  id: string,
  {
    endpoint,
    request,
    serviceClass,
    callerWaits,
  }: Pick<NewJobInput, "endpoint" | "request" | "serviceClass" | "callerWaits">,
): JobRequest {
  const { streamOptions, stream } = request;
  const isFollowed = request.response?.background === true;
  const response = request.response && responseContext(id, request, request.response);
  return {
    endpoint,
    stream: stream || isFollowed,
    ...(isFollowed && !stream ? { answersWhole: true } : {}),
    wantsUsage: request.wantsUsage,
    choices: request.choices,
    maxOutputTokens: request.maxOutputTokens,
    ...(request.capIsDefault ? { capIsDefault: true } : {}),
    ...(request.loweredCap === undefined ? {} : { capWasAsked: true }),
    ...(serviceClass === serviceClasses.default ? {} : { serviceClass }),
    ...(callerWaits ? { callerWaits: true } : {}),
    body: request.body,
    isBuilt: true,
    ...(streamOptions === undefined ? {} : { streamOptions }),
    ...(response === undefined ? {} : { response }),
  };
}

function responseContext(
  job: string,
  request: InferenceRequest,
  response: NonNullable<InferenceRequest["response"]>,
): ResponseContext {
  const { background, store, previousResponseId, compaction, turn } = response;
  return {
    id: responseId(job),
    createdAt: Math.floor(Date.now() / 1_000),
    model: request.route.config.name,
    background,
    store,
    previousResponseId,
    ...(compaction === undefined ? {} : { compaction }),
    ...(turn === undefined ? {} : { conversation: turn.conversation }),
  };
}
