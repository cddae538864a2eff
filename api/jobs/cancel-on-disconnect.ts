import type { FastifyBaseLogger } from "fastify";
import { requestCancel, type CancelDeps } from "./cancel-job.ts";

export interface DisconnectDeps extends CancelDeps {
  readonly log: FastifyBaseLogger;
}

const CODE = "disconnect";

/**
 * Cancels a job when its caller hangs up before the answer is whole, as OpenAI does with a response
 * that is not in the background: whoever has gone would pay for what nobody reads.
 */
export async function cancelOnDisconnect(
  deps: DisconnectDeps,
  job: string,
  gone: AbortSignal,
  delivered: Promise<unknown>,
): Promise<unknown> {
  const cancel = (): void => {
    requestCancel(deps, job, CODE).catch((error: unknown) => {
      deps.log.warn({ err: error, job }, "an abandoned job was not cancelled yet");
      setTimeout(cancel, deps.timings.requeueMs).unref();
    });
  };
  if (gone.aborted) cancel();
  else gone.addEventListener("abort", cancel, { once: true });
  return await delivered;
}
