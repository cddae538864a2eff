import type { EndState, ReplyError } from "../../shared/contracts/reply.ts";
import { errorCatalogue } from "../../shared/errors/catalogue.ts";
import { explainEnd } from "../../shared/jobs/explain-end.ts";

/** Of a state that says nothing of the reason: its answer did not come. */
const LOST = "answer_lost";

/**
 * What a caller is told when a statement, not an upstream, ended the job: the same words as whoever
 * reads the job later. `code`: the one that is kept with the job, if it is known.
 */
export function endError(
  state: EndState | "waiting" | "running" | null,
  code?: string,
): ReplyError {
  const ended = state === "expired" || state === "cancelled" ? state : "failed";
  const error = explainEnd(ended, code ?? (ended === "failed" ? LOST : null));
  const { message, retryAfterMs } = error;
  return {
    code: error.code,
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(error.retryable === errorCatalogue[error.code].retryable ? {} : { retryable: false }),
  };
}
