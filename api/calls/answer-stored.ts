import { acceptJob } from "../../shared/jobs/accept-job.ts";
import { cancelOnDisconnect } from "../jobs/cancel-on-disconnect.ts";
import { deliverAccepted } from "../jobs/deliver-accepted.ts";
import type { CallDeps } from "./call-deps.ts";
import type { ReadCall } from "./inference-call.ts";
import { jobOfCall } from "./job-of-call.ts";
import type { StoredPlan } from "./plan-answer.ts";
import { joinLost, recordLossOnDisconnect, requestHash } from "./sdk-retries.ts";

/** Answers a call with a stored job: a new one, or that of a call with the same idempotency key. */
export async function answerStored(
  deps: CallDeps,
  call: ReadCall,
  { callerWaits, onDisconnect }: StoredPlan,
  webhookUrl?: string,
): Promise<unknown> {
  const { job, attached } = await acceptJob(deps, jobOfCall(deps, call, callerWaits), {
    idempotency: call.idempotency,
    notify: !callerWaits,
    webhookUrl,
    isHeld: onDisconnect !== "go-on",
    requestHash: onDisconnect === "await-retry" ? requestHash(call) : undefined,
  });
  if (attached) call.reply.header("idempotent-replayed", "true");
  return await deliver(deps, call, job, onDisconnect);
}

/** Answers an SDK's retry with the job whose connection was lost, or with a new one if there is none. */
export async function answerJoined(
  deps: CallDeps,
  call: ReadCall,
  otherwise: StoredPlan,
): Promise<unknown> {
  const job = await joinLost(deps, call.key.id, requestHash(call));
  return job === undefined
    ? await answerStored(deps, call, otherwise)
    : await deliver(deps, call, job, "await-retry");
}

async function deliver(
  deps: CallDeps,
  { inference, preferences, disconnected, reply }: ReadCall,
  job: string,
  onDisconnect: StoredPlan["onDisconnect"],
): Promise<unknown> {
  const delivered = deliverAccepted(deps, reply, {
    job,
    preferences,
    background: inference.response?.background === true,
    stream: inference.stream,
    disconnected,
  });
  if (onDisconnect === "await-retry") recordLossOnDisconnect(deps, job, disconnected);
  if (onDisconnect === "cancel") cancelOnDisconnect(deps, job, disconnected);
  return await delivered;
}
