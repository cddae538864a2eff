import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { ProviderCall } from "../provider.ts";
import type { ByteSource } from "../http/byte-source.ts";
import { CallStopped, failed, type FailedEnd } from "../call-end.ts";
import { parseAnswer } from "./parse-answer.ts";
import { findEmbeddingProblem } from "./embedding-problem.ts";
import type { Exchange } from "../http/exchange.ts";
import { judgeFinishReason } from "../chat/finish-reason.ts";
import { readChoiceError, readInBandError } from "../errors/in-band-error.ts";
import { countOutputBytes, countStringBytes } from "../chat/output-bytes.ts";
import { promptShares } from "../chat/prompt-shares.ts";
import type { ReadLimits } from "../http/read-limits.ts";
import type { CallProgress } from "../call-progress.ts";
import { wholeUsage } from "./whole-usage.ts";

export interface AnswerRequest {
  readonly call: Pick<ProviderCall, "endpoint" | "choices" | "body">;
  readonly idleMs: number;
  readonly limits: ReadLimits;
  readonly contentType?: string | undefined;
}

export interface WholeAnswer {
  /** As it came, where that can be read. */
  readonly bytes: Buffer;
  readonly answer: JsonObject;
  /** In its place: the chunks of a stream that came as lines or as a list, as events. */
  readonly events?: string;
}

/** Reads a whole answer and checks that it is one. Throws `CallStopped`. */
export async function readAnswer(
  exchange: Exchange,
  body: ByteSource,
  { call, idleMs, limits, contentType }: AnswerRequest,
  seen: CallProgress,
): Promise<WholeAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const bytes = await body.read();
    if (bytes === undefined) break;
    if (seen.ttftMs === null) {
      seen.ttftMs = seen.elapsedMs();
      exchange.allowGapsOf(idleMs);
    } else exchange.seeLife();
    chunks.push(bytes);
    size += bytes.length;
    // Until the text can be told from its wrapping, all of it bounds what was generated.
    seen.outputBytes = size;
    seen.hidesOutput = false;
    if (size > limits.answerBytes) stop(failed("malformed", "the answer is too large"));
  }
  const bytes = Buffer.concat(chunks);
  const read = parseAnswer(bytes, call.endpoint, contentType);
  if (read === undefined) {
    // A page of a proxy: no engine has written it.
    if (isMarkup(bytes)) seen.outputBytes = 0;
    return stop(failed("malformed", "the answer is not a JSON object"));
  }
  if ("events" in read) return { ...read, bytes, answer: {} };
  const { answer } = read;
  const error = readInBandError(answer);
  if (error !== undefined) {
    seen.outputBytes = 0;
    return stop(error);
  }
  seen.usage = wholeUsage(answer, call.endpoint);
  const problem = findProblem(answer, call, seen);
  return problem === undefined ? { bytes: read.bytes, answer } : stop(problem);
}

function stop(failure: FailedEnd): never {
  throw new CallStopped(failure);
}

function isMarkup(bytes: Buffer): boolean {
  return bytes.subarray(0, 256).toString().trimStart().startsWith("<");
}

function findProblem(
  answer: JsonObject,
  call: AnswerRequest["call"],
  seen: CallProgress,
): FailedEnd | undefined {
  if (call.endpoint === "embeddings") {
    const problem = findEmbeddingProblem(answer, call.choices);
    // Worked on, so that its prompt counts also when it cannot be used.
    if (problem === undefined || seen.usage !== undefined) seen.outputBytes = 0;
    return problem;
  }
  if (call.endpoint === "responses") {
    seen.outputBytes = countStringBytes(answer["output"]);
    return Array.isArray(answer["output"]) ? undefined : failed("malformed", "no output");
  }
  return findChoiceProblem(answer, call, seen);
}

/** The length has proved that the answer is complete: only what says that it is bad is bad. */
function findChoiceProblem(
  answer: JsonObject,
  call: AnswerRequest["call"],
  seen: CallProgress,
): FailedEnd | undefined {
  const { choices } = answer;
  if (!Array.isArray(choices)) return failed("malformed", "no list of choices");
  seen.outputBytes = 0;
  let problem: FailedEnd | undefined;
  for (const each of choices as readonly unknown[]) {
    const choice = asObject(each);
    if (choice === undefined) return failed("malformed", "a choice is not an object");
    seen.outputBytes += countOutputBytes(choice);
    problem ??= readChoiceError(choice);
    if (judgeFinishReason(choice["finish_reason"]) === "broken")
      problem ??= failed("cut", "the engine gave up on a choice");
    if (asObject(choice["message"]) === undefined && typeof choice["text"] !== "string")
      problem ??= failed("malformed", "a choice has neither message nor text");
  }
  if (choices.length === 0) return failed("cut", "no choices");
  if (call.endpoint === "completions" && choices.length < promptShares(call).prompts)
    problem ??= failed("malformed", "not every prompt has its answer");
  return problem;
}
