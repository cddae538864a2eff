import { ask, contentOf, type Answer } from "../broker/ask.ts";

export interface Load {
  /** Each answer is under its request's number; it is undefined when the connection died. */
  readonly answers: Promise<(Answer | undefined)[]>;
  /** Counts the requests answered so far. */
  answered(): number;
}

/** Sends all requests at once, every third as a stream, each with a text of its own to echo. */
export function sendAll(
  urls: readonly string[],
  key: string,
  count: number,
  name = "request",
): Load {
  let answered = 0;
  const answers = Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const answer = await ask(
        { baseUrl: urls[index % urls.length] ?? "" },
        { key, stream: index % 3 === 0, content: echo(name, index), maxTokens: 50 },
      ).catch(() => undefined);
      answered++;
      return answer;
    }),
  );
  return { answers, answered: () => answered };
}

/** Returns the right answer to request number `index`. */
export function echo(name: string, index: number): string {
  return `[sim echo] ${name} number ${index} has an answer of its own, some words long`;
}

/** Returns undefined when the answer is whole and belongs to request number `index`. */
export function problemOf(
  answer: Answer | undefined,
  index: number,
  name = "request",
): string | undefined {
  if (answer === undefined) return `${index}: no answer`;
  const { status, text, headers } = answer;
  if (status !== 200) return `${index}: ${status} ${text}`;
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (isStream && !text.endsWith("data: [DONE]\n\n")) return `${index}: cut, ${text.slice(-300)}`;
  const content = contentOf(answer);
  return content === echo(name, index) ? undefined : `${index}: answered ${content}`;
}

/** Returns the problems of all answers. */
export async function problemsOf(load: Load, name = "request"): Promise<string[]> {
  const answers = await load.answers;
  return answers.flatMap((answer, index) => problemOf(answer, index, name) ?? []);
}
