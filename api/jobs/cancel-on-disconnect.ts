import type { FastifyBaseLogger } from "fastify";
import { requestCancel, type CancelDeps } from "./cancel-job.ts";

export interface DisconnectDeps extends Omit<CancelDeps, "confirmMs"> {
  readonly log: FastifyBaseLogger;
  /** Pause before a statement that failed is tried again. */
  readonly requeueMs: number;
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
      setTimeout(cancel, deps.requeueMs).unref();
    });
  };
  if (gone.aborted) cancel();
  else gone.addEventListener("abort", cancel, { once: true });
  return await delivered;
}
