import type { ProviderCall } from "../providers/provider.ts";
import type { Attempt } from "./attempt.ts";

export interface CallOptionsDeps {
  /**
   * Returns the wait in ms after which the route's jobs may overflow, or null if a wait never lets
   * them.
   */
  readonly overflowWaitMs: (route: string) => number | null;
  readonly isUp: (provider: string) => boolean;
}

type CallOptions = Pick<
  ProviderCall,
  "model" | "requestId" | "route" | "maxOutputTokens" | "capIsLowered" | "outputIsFree" | "overflow"
>;

/** Collects the facts of a job that its provider's call needs beside the request. */
export function callOptions(deps: CallOptionsDeps, attempt: Attempt): CallOptions {
  const { jobId, job, target, request } = attempt;
  const asked = request.maxOutputTokens;
  const isLowered = job.output_cap !== null && asked !== null && job.output_cap < asked;
  const waitMs = deps.overflowWaitMs(job.model);
  return {
    model: target.model,
    requestId: `${jobId}.${job.fence}`,
    route: job.model,
    maxOutputTokens: isLowered ? job.output_cap : asked,
    ...(isLowered ? { capIsLowered: true } : {}),
    ...(target.outputNanosPerMillion === "0" ? { outputIsFree: true } : {}),
    ...(waitMs === null || target.role === "overflow" || job.tried.includes(target.provider)
      ? {}
      : {
          overflow: {
            afterMs: Math.max(0, waitMs - job.queue_ms),
            isOpen: () => hasOverflow(deps, attempt),
          },
        }),
  };
}

/** Tells whether an overflow target would take the job now. */
function hasOverflow({ isUp }: CallOptionsDeps, { job }: Attempt): boolean {
  return job.plan.some(
    ({ role, provider, location }) =>
      role === "overflow" &&
      !job.tried.includes(provider) &&
      (job.residency === "any" || location === "local") &&
      isUp(provider),
  );
}
