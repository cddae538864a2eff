import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { asObject } from "../../shared/json/json-object.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import { RequestError } from "../client/request-error.ts";
import { endOf, type Batch } from "./batch.ts";
import { figures } from "./figures.ts";
import type { Patience } from "./keep-trying.ts";
import type { Progress } from "./progress.ts";
import { saveResults, type Targets } from "./save-results.ts";

interface End {
  readonly client: BrokerClient;
  readonly targets: Targets;
  readonly progress: Progress;
  readonly patience: Patience;
}

/** The exit code when a line got no answer. */
const SOME_FAILED = 2;
const SHOWN_MESSAGE = 160;

/**
 * Saves the results of a batch that has ended, and prints a summary. Throws `RequestError` when the
 * batch's file was refused; lines without an answer set the exit code.
 */
export async function finishBatch(batch: Batch, end: End): Promise<void> {
  const { client, targets, progress, patience } = end;
  if (batch.status === "failed") {
    progress.end();
    for (const problem of problemsOf(batch)) progress.say(problem);
    throw new RequestError(`${batch.id} failed: its file was refused, and nothing of it ran`);
  }
  await saveResults(client, batch, targets, patience);
  progress.end();
  progress.say(summaryOf(batch, targets));
  // A batch that was cancelled early has no counts yet.
  if (batch.status === "completed" && batch.request_counts.failed === 0) return;
  process.exitCode = SOME_FAILED;
  if (batch.error_file_id !== null) progress.say(await firstError(targets.errors));
}

/** Describes what is wrong with a batch's file, one line of text for each problem. */
export function problemsOf({ errors }: Batch): string[] {
  return (errors?.data ?? []).map(({ line, code, message }) => {
    const what = `${code ?? "error"}: ${message ?? ""}`;
    return line === null ? what : `line ${line}: ${what}`;
  });
}

function summaryOf(batch: Batch, { output }: Targets): string {
  const { completed, failed } = batch.request_counts;
  const took = (endOf(batch) ?? batch.created_at) - batch.created_at;
  const parts = [
    `${figures.count(completed)} done`,
    ...(failed === 0 ? [] : [`${figures.count(failed)} failed`]),
    figures.dollars(batch.cost.amount),
    figures.duration(took),
  ];
  return `${batch.status}: ${parts.join(" · ")} · ${output}`;
}

/** Names the file of the errors and shows its first one: often all are the same. */
async function firstError(path: string): Promise<string> {
  const file = createReadStream(path);
  try {
    for await (const line of createInterface({ input: file })) {
      const { custom_id: id, response, error } = JSON.parse(line) as Record<string, unknown>;
      const answer = asObject(response);
      const { code, message } = asObject(asObject(answer?.["body"])?.["error"] ?? error) ?? {};
      const status = answer === undefined ? "" : `${String(answer["status_code"])} `;
      const text = `${status}${String(code)}: ${String(message)}`;
      return `errors: ${path}; the first: ${oneLine(String(id))}: ${oneLine(text).slice(0, SHOWN_MESSAGE)}`;
    }
    return `errors: ${path}`;
  } finally {
    file.destroy();
  }
}

/**
 * Replaces whitespace and control characters: text from others must not move a terminal's cursor.
 */
function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ");
}
