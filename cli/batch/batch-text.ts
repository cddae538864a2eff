import { tableText } from "../table.ts";
import { endOf, type Batch } from "./batch.ts";
import { problemsOf } from "./batch-end.ts";
import { figures } from "./figures.ts";

/** Formats batches for people: many as a table, or one with its details. */
export const batchText = {
  table(batches: readonly Batch[]): string {
    const head = ["id", "status", "done", "failed", "usd", "created"];
    const rows = batches.map((batch) => {
      const { total, completed, failed } = batch.request_counts;
      return [
        batch.id,
        statusOf(batch),
        `${completed}/${total}`,
        String(failed),
        batch.cost.amount,
        figures.time(batch.created_at),
      ];
    });
    return tableText(head, rows);
  },

  details(batch: Batch): string {
    const { request_counts: counts, usage, metadata, paused } = batch;
    const { overflow = "never", max_cost_usd: cap, ...pairs } = metadata ?? {};
    const ended = endOf(batch);
    const problems = problemsOf(batch);
    const lines = [
      ["id", batch.id],
      ["status", statusOf(batch)],
      ...(paused === null ? [] : [["paused", `${paused.reason}: ${paused.message}`]]),
      ["endpoint", batch.endpoint],
      ["model", batch.model ?? "-"],
      ["done", `${counts.completed} of ${counts.total}`],
      ["failed", String(counts.failed)],
      ["tokens", usage === null ? "-" : `${usage.input_tokens} in, ${usage.output_tokens} out`],
      ["usd", cap === undefined ? batch.cost.amount : `${batch.cost.amount} (at most ${cap})`],
      ["overflow", overflow],
      ["created", figures.time(batch.created_at)],
      ["started", figures.time(batch.in_progress_at)],
      ["ended", figures.time(ended)],
      ["deadline", figures.time(batch.expires_at)],
      ["input", batch.input_file_id],
      ["output", batch.output_file_id ?? "-"],
      ["errors", batch.error_file_id ?? "-"],
      ...Object.entries(pairs).map(([name, value]) => ["metadata", `${name}=${value}`]),
    ];
    const text = lines.map(([name = "", value = ""]) => `${name.padEnd(8)}  ${value}\n`).join("");
    return text + problems.map((problem) => `${problem}\n`).join("");
  },
};

function statusOf({ status, paused }: Batch): string {
  return paused === null ? status : `${status} (paused)`;
}
