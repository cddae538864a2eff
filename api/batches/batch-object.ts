import type { BatchError, BatchRow, BatchState } from "../../shared/batches/batch-row.ts";
import { endpoints } from "../../shared/contracts/endpoint.ts";
import { formatUsd } from "../../shared/money/usd.ts";

/**
 * Shows a batch as OpenAI does, with two more fields: its cost and the reason for a pause. Times
 * are Unix seconds.
 */
export function batchObject(batch: BatchRow): object {
  const { state, sums, total, paused, paused_message: message, paused_at: since } = batch;
  const endedAs = (...states: readonly BatchState[]): number | null =>
    states.includes(state) ? seconds(batch.ended_at) : null;
  const [model, ...others] = batch.models;
  return {
    id: batch.id,
    object: "batch",
    endpoint: `/v1${endpoints[batch.endpoint]}`,
    // A batch of several models has no model of its own.
    model: others.length === 0 && model ? model : null,
    errors: errorsOf(batch),
    input_file_id: batch.input_file_id,
    completion_window: batch.completion_window,
    status: state === "expiring" ? "finalizing" : state,
    output_file_id: batch.ended_at === null ? null : batch.output_file_id,
    error_file_id: batch.ended_at === null ? null : batch.error_file_id,
    created_at: seconds(batch.created_at),
    in_progress_at: seconds(batch.in_progress_at),
    expires_at: seconds(batch.deadline_at),
    finalizing_at: seconds(batch.finalizing_at),
    completed_at: endedAs("completed"),
    failed_at: endedAs("failed"),
    expired_at: endedAs("expired"),
    cancelling_at: seconds(batch.cancelling_at),
    cancelled_at: endedAs("cancelled"),
    request_counts: {
      total: total ?? 0,
      completed: sums?.completed ?? 0,
      failed: total === null ? 0 : (sums?.failed ?? 0),
    },
    usage: usageOf(batch),
    cost: { amount: formatUsd(BigInt(sums?.cost_nanos ?? 0)), currency: "usd" },
    paused: paused === null ? null : { reason: paused, message, since: seconds(since) },
    metadata: batch.metadata === null ? null : (JSON.parse(batch.metadata) as object),
  };
}

/** Sums the answers that are in the output file so far. */
function usageOf({ sums }: BatchRow): object | null {
  if (sums === null) return null;
  return {
    input_tokens: sums.input_tokens,
    input_tokens_details: { cached_tokens: sums.cached_tokens },
    output_tokens: sums.output_tokens,
    output_tokens_details: { reasoning_tokens: sums.reasoning_tokens },
    total_tokens: sums.input_tokens + sums.output_tokens,
  };
}

function errorsOf({ errors }: BatchRow): object | null {
  return errors === null
    ? null
    : { object: "list", data: JSON.parse(errors) as readonly BatchError[] };
}

function seconds(time: Date | null): number | null {
  return time === null ? null : Math.floor(time.getTime() / 1_000);
}
