import type { EndedLine, LineUsage } from "../../shared/batches/result-statements.ts";
import { decompress } from "../../shared/db/compressed.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { base64Embeddings } from "../../shared/requests/base64-embeddings.ts";
import { escapeLineEnds } from "../../shared/json/escape-line-ends.ts";
import { jobError } from "../../shared/jobs/job-error.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";

/** The end of a line's job, as a line of the batch's output or error file. */
export interface ResultLine {
  readonly file: "output" | "errors";
  readonly text: string;
  readonly usage: LineUsage | undefined;
}

/** The errors of lines without an answer over HTTP. */
const ended = {
  expired: {
    code: "batch_expired",
    message: "This request could not be executed before the completion window expired.",
  },
  cancelled: {
    code: "batch_cancelled",
    message: "This request was not executed, because it was cancelled.",
  },
} as const;

/** Writes the result of a line that has ended. The same line makes the same text. */
export async function resultLine(line: EndedLine): Promise<ResultLine> {
  if (line.state === "refused") {
    const { status, body } = JSON.parse(line.refusal ?? "{}") as { status: number; body: object };
    return failed(line, status, JSON.stringify(body));
  }
  if (line.state === "expired" || line.state === "cancelled")
    return { file: "errors", text: textOf(line, null, ended[line.state]), usage: undefined };
  const answer = line.state === "done" ? await answerOf(line) : undefined;
  if (answer === undefined) {
    const error = errorOf(line);
    return failed(line, error.status, JSON.stringify(error));
  }
  const response = { status: 200, body: answer };
  return { file: "output", text: textOf(line, response, null), usage: usageOf(line.line, answer) };
}

function failed(line: EndedLine, status: number, body: string): ResultLine {
  return { file: "errors", text: textOf(line, { status, body }, null), usage: undefined };
}

/**
 * Returns an upstream's answer as it came, without its line breaks: in JSON they stand only between
 * tokens.
 */
async function answerOf({ body, compressed, facts }: EndedLine): Promise<string | undefined> {
  if (body === null) return undefined;
  const bytes = await decompress(body, compressed === true);
  const { base64 } = JSON.parse(facts ?? "{}") as Partial<StoredRequest>;
  const answer = base64 === true ? base64Embeddings(bytes) : bytes;
  return answer
    .toString()
    .replaceAll(/[\r\n]+/g, " ")
    .trim();
}

function errorOf({ job_state: state, error_code, error }: EndedLine): BrokerError {
  const known = state === null ? undefined : jobError({ state, error_code, error });
  return (
    known ?? new BrokerError("answer_lost", "The answer of this request is not kept any more.")
  );
}

function textOf(
  { job_id: job, custom_id: customId }: EndedLine,
  response: { readonly status: number; readonly body: string } | null,
  error: object | null,
): string {
  const answer =
    response === null
      ? "null"
      : `{"status_code":${response.status},"request_id":${JSON.stringify(job)},"body":${response.body}}`;
  const id = JSON.stringify(`batch_req_${job.slice(job.indexOf("_") + 1)}`);
  return `${escapeLineEnds(`{"id":${id},"custom_id":${JSON.stringify(customId)},"response":${answer},"error":${JSON.stringify(error)}}`)}\n`;
}

interface AnswerUsage {
  readonly prompt_tokens?: unknown;
  readonly input_tokens?: unknown;
  readonly completion_tokens?: unknown;
  readonly output_tokens?: unknown;
  readonly prompt_tokens_details?: { readonly cached_tokens?: unknown } | null;
  readonly input_tokens_details?: { readonly cached_tokens?: unknown } | null;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: unknown } | null;
  readonly output_tokens_details?: { readonly reasoning_tokens?: unknown } | null;
}

function usageOf(line: number, answer: string): LineUsage | undefined {
  const { usage } = JSON.parse(answer) as { usage?: AnswerUsage | null };
  if (usage === undefined || usage === null) return undefined;
  const input = usage.prompt_tokens_details ?? usage.input_tokens_details;
  const output = usage.completion_tokens_details ?? usage.output_tokens_details;
  return {
    line,
    input: count(usage.prompt_tokens ?? usage.input_tokens),
    cached: count(input?.cached_tokens),
    output: count(usage.completion_tokens ?? usage.output_tokens),
    reasoning: count(output?.reasoning_tokens),
  };
}

/** Returns 0 for a value that is not a count, or that does not fit into the database's 32 bits. */
function count(value: unknown): number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31
    ? value
    : 0;
}
