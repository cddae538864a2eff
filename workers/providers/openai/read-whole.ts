import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { failed, type FailedEnd } from "../call-end.ts";
import { judgeFinishReason } from "../chat/finish-reason.ts";
import { countOutputBytes, countStringBytes } from "../chat/output-bytes.ts";
import { promptShares } from "../chat/prompt-shares.ts";
import { readChoiceError, readInBandError } from "../errors/in-band-error.ts";
import type { ProviderCall } from "../provider.ts";
import type { WholeAnswer } from "../wire-format.ts";
import { findEmbeddingProblem } from "./embedding-problem.ts";
import { floatEmbeddings } from "./float-embeddings.ts";
import { parseAnswer } from "./parse-answer.ts";
import { readableCalls } from "./readable-calls.ts";
import { wholeEvents } from "./whole-events.ts";
import { wholeUsage } from "./whole-usage.ts";

type WholeCall = Pick<ProviderCall, "endpoint" | "choices" | "body">;

interface CheckedAnswer {
  readonly outputBytes: number;
  readonly problem: FailedEnd | undefined;
}

/** Reads an answer that came in one piece and checks that it is one. */
export function readWhole(
  call: WholeCall,
  wanted: "body" | "events",
  bytes: Buffer,
  contentType: string | undefined,
): WholeAnswer {
  const { endpoint } = call;
  const parsed = parseAnswer(bytes, endpoint, contentType);
  if (parsed === undefined) {
    // Markup is a page of a proxy: the engine has generated nothing.
    const outputBytes = isMarkup(bytes) ? 0 : bytes.length;
    const failure = failed("malformed", "the answer is not a JSON object");
    return { kind: "failed", failure, outputBytes, usage: undefined };
  }
  if ("events" in parsed)
    return { kind: "stream", ...parsed, outputBytes: bytes.length, usage: undefined };
  const { answer } = parsed;
  const error = readInBandError(answer);
  if (error !== undefined)
    return { kind: "failed", failure: error, outputBytes: 0, usage: undefined };
  const usage = wholeUsage(answer, endpoint);
  const { outputBytes, problem } = check(answer, call, bytes.length, usage);
  const counts = { outputBytes, usage };
  if (problem !== undefined) return { kind: "failed", failure: problem, ...counts };
  if (endpoint === "embeddings") return { kind: "body", body: floatEmbeddings(parsed), ...counts };
  return wanted === "body"
    ? { kind: "body", body: readableCalls(parsed), ...counts }
    : { kind: "retold", events: wholeEvents(answer, endpoint), ...counts };
}

function isMarkup(bytes: Buffer): boolean {
  return bytes.subarray(0, 256).toString().trimStart().startsWith("<");
}

function check(
  answer: JsonObject,
  call: WholeCall,
  bodyBytes: number,
  usage: ReportedUsage | undefined,
): CheckedAnswer {
  if (call.endpoint === "embeddings") {
    const problem = findEmbeddingProblem(answer, call.choices);
    // Usage shows that the engine has worked, so the prompt counts even if the answer is bad.
    const isWorked = problem === undefined || usage !== undefined;
    return { outputBytes: isWorked ? 0 : bodyBytes, problem };
  }
  if (call.endpoint === "responses") {
    const { output } = answer;
    const problem = Array.isArray(output) ? undefined : failed("malformed", "no output");
    return { outputBytes: countStringBytes(output), problem };
  }
  const { choices } = answer;
  return Array.isArray(choices)
    ? checkChoices(choices, call)
    : { outputBytes: bodyBytes, problem: failed("malformed", "no list of choices") };
}

/**
 * Checks the choices of an answer whose length has proved it complete: only a choice that says it
 * is bad is bad.
 */
function checkChoices(choices: readonly unknown[], call: WholeCall): CheckedAnswer {
  let outputBytes = 0;
  let problem: FailedEnd | undefined;
  for (const each of choices) {
    const choice = asObject(each);
    if (choice === undefined)
      return { outputBytes, problem: failed("malformed", "a choice is not an object") };
    outputBytes += countOutputBytes(choice);
    problem ??= readChoiceError(choice);
    if (judgeFinishReason(choice["finish_reason"]) === "broken")
      problem ??= failed("cut", "the engine gave up on a choice");
    if (asObject(choice["message"]) === undefined && typeof choice["text"] !== "string")
      problem ??= failed("malformed", "a choice has neither message nor text");
  }
  if (choices.length === 0) problem = failed("cut", "no choices");
  else if (call.endpoint === "completions" && choices.length < promptShares(call).prompts)
    problem ??= failed("malformed", "not every prompt has its answer");
  return { outputBytes, problem };
}
