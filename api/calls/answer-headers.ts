import type { AttemptFacts } from "../../shared/contracts/reply.ts";
import { formatUsd } from "../../shared/money/usd.ts";

/** The broker's own headers of an inference answer, as far as the facts are known. */
export function answerHeaders(
  job: string,
  facts: AttemptFacts | undefined,
  costNanos?: bigint,
): Record<string, string> {
  return {
    "x-spillway-job-id": job,
    ...(facts === undefined
      ? {}
      : {
          "x-spillway-provider": facts.provider,
          "x-spillway-attempts": String(facts.attempts),
          "x-spillway-queue-ms": String(facts.queueMs),
        }),
    ...(costNanos === undefined ? {} : { "x-spillway-cost-usd": formatUsd(costNanos) }),
  };
}
