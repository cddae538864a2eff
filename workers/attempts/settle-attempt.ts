import type { ClosedAttempt } from "../../shared/contracts/closed-attempt.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { EndState, ReplyError, ResultMessage } from "../../shared/contracts/reply.ts";
import type { Database } from "../../shared/db/database.ts";
import { endError } from "../../shared/jobs/explain-end.ts";
import type { SettleRow } from "../../shared/jobs/settle.ts";
import { closedAttempt, ledgerEntry } from "./attempt-ledger.ts";
import type { Attempt } from "./attempt.ts";
import { storedResult } from "./stored-result.ts";

export interface SettleDeps {
  readonly database: Database;
  readonly onClosed: (attempt: ClosedAttempt) => void;
}

type Ok = Extract<ProviderOutcome, { kind: "ok" }>;

/** Ends an attempt and its job. `error` is for the caller of a job that did not end well. */
export async function settleAttempt(
  deps: SettleDeps,
  attempt: Attempt,
  outcome: ProviderOutcome,
  state: EndState,
  error?: ReplyError,
  code?: string,
): Promise<void> {
  const { jobId, job, answerHeaders } = attempt;
  const ledger = ledgerEntry(attempt, outcome, code ?? error?.code ?? null);
  if (outcome.kind === "ok" && !attempt.accepted)
    await attempt.reply.send(resultOf(attempt, outcome));
  const status = outcome.kind === "ok" ? outcome.responseStatus : undefined;
  const row = await deps.database.settle.submit({
    job: jobId,
    fence: job.fence,
    state,
    ...ledger,
    ...(status === undefined ? {} : { response_status: status }),
    ...(attempt.accepted ? { result: await storedResult(attempt, outcome, error) } : {}),
  });
  const ours = row.state === state && row.ledger_status === ledger.status;
  if (ours) deps.onClosed(closedAttempt(attempt, ledger, row.overrun_nanos));
  const cost = { costNanos: row.cost_nanos ?? 0n };
  if (ours && outcome.kind === "ok") {
    await attempt.reply.send({ type: "end", state, answerHeaders, ...cost });
    return;
  }
  // Another process closed the attempt. It has told the owner if the job lives on.
  if (!ours && (row.state === "waiting" || row.state === "running")) return;
  await attempt.reply.send({
    type: "end",
    state: ours ? state : (endStateOf(row.state) ?? "failed"),
    answerHeaders,
    ...cost,
    error: (ours ? error : undefined) ?? endError(row.state),
  });
}

/** Picks the form of the answer that the caller asked for: the body, or a stream's last events. */
function resultOf({ request }: Attempt, { contentType, body, tail }: Ok): ResultMessage {
  return {
    type: "result",
    contentType,
    ...(body === undefined || request.stream ? {} : { body }),
    ...(tail === undefined || !request.stream ? {} : { tail }),
  };
}

function endStateOf(state: SettleRow["state"]): EndState | null {
  return state === "waiting" || state === "running" ? null : state;
}
