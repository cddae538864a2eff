import type { AnswerHeaders } from "../../shared/contracts/reply.ts";
import { formatUsd } from "../../shared/money/usd.ts";

/** The broker's own headers of an inference answer, as far as the facts are known. */
export function toHttpHeaders(
  job: string,
  answerHeaders: AnswerHeaders | undefined,
  costNanos?: bigint,
): Record<string, string> {
  return {
    "x-spillway-job-id": job,
    ...(answerHeaders === undefined
      ? {}
      : {
          "x-spillway-provider": answerHeaders.provider,
          "x-spillway-attempts": String(answerHeaders.attempts),
          "x-spillway-queue-ms": String(answerHeaders.queueMs),
        }),
    ...(costNanos === undefined ? {} : { "x-spillway-cost-usd": formatUsd(costNanos) }),
  };
}
