import type { CallDeps } from "../calls/call-deps.ts";
import { whenAborted } from "../calls/disconnection.ts";
import { requestCancel } from "./cancel-job.ts";

const CODE = "disconnect";

/**
 * Cancels a job when its caller disconnects before the answer is whole, as OpenAI does with a
 * response that is not in the background. Otherwise the caller would pay for an answer that nobody
 * reads.
 */
export function cancelOnDisconnect(deps: CallDeps, job: string, disconnected: AbortSignal): void {
  const cancel = (): void => {
    requestCancel(deps, job, CODE).catch((error: unknown) => {
      deps.log.warn({ err: error, job }, "an abandoned job was not cancelled yet");
      setTimeout(cancel, deps.timings.requeueMs).unref();
    });
  };
  whenAborted(disconnected, cancel);
}
