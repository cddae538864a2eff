import { ask, contentOf, errorOf, type Answer, type Question } from "../broker/ask.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";

/** A request's end for its caller. */
export interface Asked {
  readonly job: string | undefined;
  readonly ending: string;
}

/**
 * Asks for a chat completion and returns how that ended. `answer`: the right one, whole.
 * `connection lost`: all that a caller of a dead API can see. Other endings have a status or, for a
 * stream that had begun, the code of the error event at its end.
 */
export async function asked(
  fleet: Pick<SurvivingFleet, "key">,
  api: { readonly baseUrl: string },
  question: Omit<Question, "key">,
): Promise<Asked> {
  const content = question.content ?? `[sim echo] what is ${Math.random()}?`;
  const given = { maxTokens: 50, ...question, content, key: fleet.key };
  const answer = await ask(api, given).catch(() => undefined);
  const job = answer?.headers.get("x-spillway-job-id") ?? undefined;
  return { job, ending: endingOf(answer, content) };
}

function endingOf(answer: Answer | undefined, content: string): string {
  if (answer === undefined || answer.broke) return "connection lost";
  const { status, headers, text } = answer;
  if (status !== 200) return `${status} ${codeOf(answer)}`;
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (isStream && !text.endsWith("data: [DONE]\n\n")) return `stream cut by ${codeOf(answer)}`;
  const isRight = content.includes("[sim echo]")
    ? contentOf(answer) === content
    : contentOf(answer).startsWith("tok0 ");
  return isRight ? "answer" : `wrong answer ${text.slice(0, 200)}`;
}

function codeOf(answer: Answer): string {
  return String((errorOf(answer) as { code?: unknown } | undefined)?.code);
}
