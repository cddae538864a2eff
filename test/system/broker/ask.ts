import type { TestBroker } from "../../support/broker.ts";

export interface Question {
  readonly key: string;
  /** The default is `chat`. */
  readonly model?: string;
  readonly stream?: boolean;
  readonly content?: string;
  readonly maxTokens?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further fields of the body. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
  /** This gets the whole text so far, each time after more of it has arrived. */
  readonly onText?: (text: string) => void;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The connection broke before the answer's end. */
  readonly broke: boolean;
  readonly tookMs: number;
}

/** Asks for a chat completion with bare `fetch`, which retries nothing and hides nothing. */
export async function ask(
  broker: Pick<TestBroker, "baseUrl">,
  question: Question,
): Promise<Answer> {
  const { key, model = "chat", stream = false, content = "Hello", maxTokens = 4 } = question;
  const startedAt = performance.now();
  const response = await fetch(`${broker.baseUrl}/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...question.headers,
    },
    body: JSON.stringify({
      model,
      stream,
      max_tokens: maxTokens,
      messages: [{ role: "user", content }],
      ...question.fields,
    }),
    ...(question.signal === undefined ? {} : { signal: question.signal }),
  });
  let text = "";
  let broke = false;
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true });
      question.onText?.(text);
    }
  } catch {
    broke = true;
  }
  const { status, headers } = response;
  return { status, headers, text, broke, tookMs: performance.now() - startedAt };
}

/** Returns the `error` object of an error, or of the last event of a stream. */
export function errorOf({ text, headers }: Answer): unknown {
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  const last = isStream ? (eventsOf(text).at(-1) ?? "null") : text;
  return last === "[DONE]" ? undefined : (JSON.parse(last) as { error?: unknown }).error;
}

/** Returns the data of each server-sent event. */
export function eventsOf(text: string): string[] {
  return text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length));
}

/** Returns the generated text of a whole answer or a stream. */
export function contentOf({ text, headers }: Answer): string {
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  const parts = isStream ? eventsOf(text).filter((data) => data !== "[DONE]") : [text];
  return parts
    .map((part) => {
      const { choices } = JSON.parse(part) as {
        choices?: { message?: { content?: string }; delta?: { content?: string } }[];
      };
      return choices?.[0]?.message?.content ?? choices?.[0]?.delta?.content ?? "";
    })
    .join("");
}
