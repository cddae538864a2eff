import type { AcceptMember, AcceptRow } from "./accept.ts";
import { classifyDatabaseError } from "../db/classify-database-error.ts";
import type { Database } from "../db/database.ts";
import { UnansweredError } from "../db/unanswered-error.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { invalidApiKey } from "../keys/invalid-api-key.ts";
import type { NewJob } from "./new-job.ts";
import { budgetAdvice } from "../budgets/budget-advice.ts";
import { overBudget } from "../budgets/over-budget.ts";

/** After this time the sweeper first checks that the queue still has the entry. */
const CHECK_MS = 5_000;

/** Makes a job's member of the accept statement. `own` has the fields of its kind. */
export function acceptMember(
  newJob: NewJob,
  own: Partial<AcceptMember> & Pick<AcceptMember, "interactive" | "owner">,
): AcceptMember {
  const { request, first, plan } = newJob;
  const { config } = request.route;
  return {
    id: newJob.id,
    key: newJob.key.id,
    endpoint: newJob.endpoint,
    model: config.name,
    class: newJob.serviceClass,
    residency: newJob.residency,
    stream: newJob.jobRequest.stream,
    plan,
    target: first.target,
    hold: plan[first.target]?.holdNanos ?? "0",
    input_bound: newJob.inputTokens,
    output_bound: request.outputTokens,
    max_attempts: config.maxAttempts,
    deadline_ms: newJob.deadlineMs,
    overflow_ms: first.overflowMs,
    overflow_on_failure: config.overflowWhen.failed && plan.some(({ role }) => role === "overflow"),
    check_ms: CHECK_MS,
    ...own,
  };
}

/**
 * Admits a job. Throws `BrokerError` `insufficient_quota`, `invalid_api_key`,
 * `idempotency_conflict`, `deadline_exceeded` or `unavailable`; then nothing is held. `onUnknown`
 * is called when the statement failed, since the job may have been committed before the answer was
 * lost. `maxOutputTokens` is the output cap of the job.
 */
export async function submitAccept(
  accept: Database["accept"],
  member: AcceptMember,
  maxOutputTokens: number | null,
  onUnknown: () => void,
): Promise<AcceptRow> {
  let row: AcceptRow;
  try {
    row = await accept.submit(member);
  } catch (error) {
    onUnknown();
    throw refusal(error, member);
  }
  if (row.verdict === "budget")
    throw overBudget(row, BigInt(member.hold), advise(member, maxOutputTokens, row));
  if (row.verdict === "key") throw invalidApiKey();
  if (row.verdict === "mismatch")
    throw new BrokerError(
      "idempotency_conflict",
      "This Idempotency-Key was used with another body.",
      { param: "Idempotency-Key" },
    );
  return row;
}

/** Turns an error of the statement into the caller's; an error of this program stays as it is. */
function refusal(error: unknown, member: AcceptMember): unknown {
  const failure = classifyDatabaseError(error);
  if (failure === "data") return error;
  if (failure === "connection")
    return new BrokerError("unavailable", "The database cannot be reached.", { cause: error });
  const isLate = error instanceof UnansweredError && error.waitedMs >= member.deadline_ms;
  return isLate
    ? new BrokerError("deadline_exceeded", "The deadline passed before the request was admitted.", {
        cause: error,
      })
    : new BrokerError("unavailable", "The database is too slow at the moment.", { cause: error });
}

function advise(
  { endpoint, plan, target: index, output_bound: outputTokens }: AcceptMember,
  maxOutputTokens: number | null,
  { free_nanos: freeNanos }: AcceptRow,
): string {
  const target = plan[index];
  if (target === undefined || freeNanos === null) return "";
  return budgetAdvice({ endpoint, target, maxOutputTokens, outputTokens, freeNanos });
}
