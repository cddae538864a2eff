import type { ProviderCall } from "../provider.ts";
import { CallStopped, failed, type CallEnd, type FailedEnd } from "./call-stopped.ts";
import type { Exchange, ResponseHead } from "./exchange.ts";
import { judgeFinishReason } from "./finish-reason.ts";
import { readInBandError } from "./in-band-error.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { countOutputBytes } from "./output-bytes.ts";
import type { ReadLimits } from "./read-limits.ts";
import { readUsage } from "./read-usage.ts";
import type { Seen } from "./seen.ts";

export interface AnswerRequest {
  readonly call: ProviderCall;
  readonly idleMs: number;
  readonly limits: ReadLimits;
}

/** Reads a whole answer, checks that it is complete, and returns its bytes. Throws `CallStopped`. */
export async function readAnswer(
  exchange: Exchange,
  { headers }: ResponseHead,
  { call, idleMs, limits }: AnswerRequest,
  seen: Seen,
): Promise<CallEnd> {
  if (Number(headers["content-length"]) > limits.answerBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const bytes = await exchange.read();
    if (bytes === undefined) break;
    if (seen.ttftMs === null) {
      seen.ttftMs = seen.elapsedMs();
      exchange.allowGapsOf(idleMs);
    }
    chunks.push(bytes);
    size += bytes.length;
    if (size > limits.answerBytes) {
      seen.outputBytes = 0;
      throw tooLarge();
    }
    // Until the text can be told from its wrapping, all of it bounds what was generated.
    if (call.endpoint !== "embeddings") seen.outputBytes = size;
  }
  seen.outputBytes = 0;
  const body = Buffer.concat(chunks);
  const answer = parseObject(body);
  if (answer === undefined) return failed("malformed", "the answer is not a JSON object");
  const error = readInBandError(answer);
  if (error !== undefined) return error;
  seen.usage = readUsage(answer["usage"], call.endpoint, call.maxUsage);
  const flaw =
    call.endpoint === "embeddings"
      ? findEmbeddingFlaw(answer, call.choices)
      : findChoiceFlaw(answer, seen);
  if (flaw !== undefined) return flaw;
  return { kind: "ok", contentType: headers["content-type"] ?? "application/json", body };
}

function tooLarge(): CallStopped {
  return new CallStopped(failed("malformed", "the answer is too large"));
}

function parseObject(body: Buffer): JsonObject | undefined {
  try {
    return asObject(JSON.parse(body.toString()));
  } catch {
    return undefined;
  }
}

function findEmbeddingFlaw(answer: JsonObject, inputs: number): FailedEnd | undefined {
  const data = answer["data"];
  if (!Array.isArray(data)) return failed("malformed", "no list of embeddings");
  const right = inputs > 1 ? data.length === inputs : data.length > 0;
  return right ? undefined : failed("malformed", "wrong number of embeddings");
}

function findChoiceFlaw(answer: JsonObject, seen: Seen): FailedEnd | undefined {
  const choices = answer["choices"];
  if (!Array.isArray(choices)) return failed("malformed", "no list of choices");
  let complete = choices.length > 0;
  for (const item of choices) {
    const choice = asObject(item);
    if (choice === undefined) return failed("malformed", "a choice is not an object");
    seen.outputBytes += countOutputBytes(choice);
    complete &&= judgeFinishReason(choice["finish_reason"]) === "complete";
  }
  return complete ? undefined : failed("cut", "a choice has no good finish reason");
}
