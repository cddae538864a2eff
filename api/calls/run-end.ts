import type {
  AnswerHeaders,
  EndMessage,
  EndState,
  ResultMessage,
} from "../../shared/contracts/reply.ts";
import type { EndedJob } from "../../shared/jobs/find-ended.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { explainEnd } from "../../shared/jobs/explain-end.ts";
import type { RequestedEnd, StopRequest } from "./request-end.ts";

/** The end of a job, for its caller and for the log. Without `error` the job is done. */
export interface RunEnd {
  readonly state: EndState;
  readonly answerHeaders: AnswerHeaders | undefined;
  readonly costNanos: bigint | undefined;
  /** The answer of a job that is done. */
  readonly result: ResultMessage | undefined;
  readonly error: BrokerError | undefined;
}

/** These codes explain the end of a job that was asked to end, whatever its worker says. */
const ownReasons = new Set(["deadline", "sync_wait", "shutdown", "revoked", "owner_lost"]);

/** Returns the end of a job that a statement ended, or whose worker gave no answer. */
export function endByState(
  state: EndState,
  code: string | null,
  answerHeaders: AnswerHeaders | undefined,
): RunEnd {
  return {
    state,
    answerHeaders,
    costNanos: undefined,
    result: undefined,
    error: explainEnd(state, code),
  };
}

/**
 * Returns the end of a job that this process asked to end. If the job was running and nobody knows
 * its end, it may have run to its end, so its answer counts as lost.
 */
export function endByRequest(
  kind: Exclude<RequestedEnd["kind"], "closed">,
  { state, code }: StopRequest,
  answerHeaders: AnswerHeaders | undefined,
): RunEnd {
  const mayBeDone = kind === "unconfirmed" && state !== "expired" && answerHeaders !== undefined;
  return kind === "ended-before" || mayBeDone
    ? endByState("failed", "answer_lost", answerHeaders)
    : endByState(state, code, answerHeaders);
}

/** The knowledge about a job before its end. */
export interface RunProgress {
  /** This process's own request to end, if any. */
  readonly stopRequest: StopRequest | undefined;
  readonly answerHeaders: AnswerHeaders | undefined;
  /** The answer of the latest attempt. */
  readonly result: ResultMessage | undefined;
}

/**
 * Returns the end that a worker reports. This process's own request to stop explains a job that is
 * not done.
 */
export function endByMessage(
  message: EndMessage,
  { stopRequest, answerHeaders, result }: RunProgress,
): RunEnd {
  const { state, costNanos } = message;
  if (state === "done" && result !== undefined)
    return {
      state,
      answerHeaders: message.answerHeaders ?? answerHeaders,
      costNanos,
      result,
      error: undefined,
    };
  // Another process may have asked before, for its own reason.
  const isOurs = stopRequest?.state === state && ownReasons.has(stopRequest.code);
  const code = isOurs ? stopRequest.code : null;
  const fallback = endByState(state, code, message.answerHeaders ?? answerHeaders);
  const error = code === null ? readError(message) : undefined;
  return { ...fallback, costNanos, error: error ?? fallback.error };
}

/**
 * Returns the end that the job's row records, when no message of the worker comes any more. An
 * answer that came before its worker died counts if its attempt is the one that was settled.
 */
export function endByRow(
  row: EndedJob,
  { answerHeaders, result }: Omit<RunProgress, "stopRequest">,
): RunEnd {
  const end = endByState(row.state, row.error_code, answerHeaders);
  if (row.state !== "done" || result === undefined || answerHeaders?.attempts !== row.fence)
    return end;
  return { ...end, costNanos: row.cost_nanos, result, error: undefined };
}

function readError({ error }: EndMessage): BrokerError | undefined {
  if (error === undefined) return undefined;
  const { code, message, ...options } = error;
  return new BrokerError(code, message, options);
}
