import type { ProviderCall } from "../providers/provider.ts";
import type { Attempt } from "./attempt.ts";

export interface CallOptionsDeps {
  /** After so long a wait the route's jobs may overflow, in ms; null: not for waiting. */
  readonly overflowWaitMs: (route: string) => number | null;
  readonly isUp: (provider: string) => boolean;
}

type Terms = Pick<
  ProviderCall,
  "model" | "requestId" | "route" | "maxOutputTokens" | "capIsLowered" | "outputIsFree" | "overflow"
>;

/** What the call of an attempt is told of its job, beside the request itself. */
export function callOptions(deps: CallOptionsDeps, attempt: Attempt): Terms {
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

/** An overflow target would take the job now. */
function hasOverflow({ isUp }: CallOptionsDeps, { job }: Attempt): boolean {
  return job.plan.some(
    ({ role, provider, location }) =>
      role === "overflow" &&
      !job.tried.includes(provider) &&
      (job.residency === "any" || location === "local") &&
      isUp(provider),
  );
}
