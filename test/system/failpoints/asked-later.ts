import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { eventsOf } from "../broker/ask.ts";
import type { Asked } from "./asked.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";

/**
 * - `async`: `Prefer: respond-async`.
 * - `async stream`: the same of a stream that nobody reads.
 * - `background`: a background response.
 * - `stream`: the same as a stream, read from its first event to its last.
 * - `keyed`: synchronous, with nothing but its idempotency key.
 */
export type Way = "async" | "async stream" | "background" | "stream" | "keyed";

export interface LaterQuestion {
  readonly way: Way;
  readonly model: string;
  /** The answer has so many words; 10 by default. */
  readonly words?: number;
  /** The job is cancelled so long after it was accepted; a `stream` is not. */
  readonly cancelAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole may take so long; the default is longer than any case takes. */
  readonly patienceMs?: number;
  /** It aborts when nobody waits any more. */
  readonly signal?: AbortSignal;
}

interface Server {
  readonly baseUrl: string;
}

const AGAIN_MS = 200;
const PATIENCE_MS = 120_000;

/**
 * Has a job accepted whose caller waits for it by other requests, and returns how that ended:
 * `answer` is the right one, whole. A request that breaks is sent again to a surviving API, under
 * its idempotency key. A stream that breaks is read on from its last event.
 */
export async function askedLater(
  fleet: Pick<SurvivingFleet, "key" | "apis">,
  api: Server,
  question: LaterQuestion,
): Promise<Asked> {
  const { way, model, words = 10, cancelAfterMs, signal = null } = question;
  const untilMs = performance.now() + (question.patienceMs ?? PATIENCE_MS);
  const content = `[sim echo] what is ${randomUUID()}${", and why".repeat(words / 2)}?`;
  const maxTokens = 50 + 5 * words;
  const asResponse = way === "background" || way === "stream";
  const request = {
    method: "POST",
    signal,
    headers: {
      authorization: `Bearer ${fleet.key}`,
      "content-type": "application/json",
      "idempotency-key": randomUUID(),
      ...(way.startsWith("async") ? { prefer: "respond-async" } : {}),
      ...question.headers,
    },
    body: JSON.stringify({
      model,
      stream: way.endsWith("stream"),
      ...(asResponse
        ? { input: content, max_output_tokens: maxTokens, background: true }
        : { messages: [{ role: "user", content }], max_tokens: maxTokens }),
    }),
  };
  const path = asResponse ? "/responses" : "/chat/completions";
  const [first, ...others] = [api, ...fleet.apis];
  const began = await insist(first, others, untilMs, (server) =>
    fetch(`${server.baseUrl}${path}`, request),
  );
  const job = began.response.headers.get("x-spillway-job-id") ?? undefined;
  if (job === undefined || !began.response.ok)
    return { job, ending: `${began.response.status} ${codeIn(began.text)}` };
  const get = async (rest: string, method = "GET"): Promise<string> => {
    const { authorization } = request.headers;
    const read = (server: Server): Promise<Response> =>
      fetch(`${server.baseUrl}${rest}`, { method, headers: { authorization }, signal });
    return (await insist(fleet.apis[0] ?? api, fleet.apis, untilMs, read)).text;
  };
  if (way === "stream") return { job, ending: await readToEnd(began.text, job, content, get) };
  if (cancelAfterMs !== undefined) {
    await sleep(cancelAfterMs);
    await get(`/jobs/${job}/cancel`, "POST");
  }
  for (;;) {
    const seen = JSON.parse(await get(`/jobs/${job}?wait=5`)) as {
      status?: string;
      error?: object;
    };
    if (seen.status === "failed" || seen.status === "cancelled" || seen.status === "expired")
      return { job, ending: `${seen.status} ${codeIn(JSON.stringify(seen))}` };
    if (seen.status === "completed") break;
    if (performance.now() > untilMs) return { job, ending: `still ${JSON.stringify(seen)}` };
    if (seen.status === undefined) await sleep(AGAIN_MS);
  }
  const result = await get(`/jobs/${job}/result`);
  const parts = way === "async stream" ? eventsOf(result).slice(0, -1) : [result];
  return { job, ending: textOf(parts) === content ? "answer" : `wrong answer ${result}` };
}

/**
 * Asks the first server once. If it does not answer to the end, or answers 503, asks the others
 * until one does.
 */
async function insist(
  first: Server | undefined,
  others: readonly Server[],
  untilMs: number,
  ask: (server: Server) => Promise<Response>,
): Promise<{ response: Response; text: string }> {
  for (let tries = 0; ; tries++) {
    const server = tries === 0 ? first : others[tries % others.length];
    if (server === undefined) throw new Error("no API survives");
    let response: Response | undefined;
    let text = "";
    try {
      response = await ask(server);
      const decoder = new TextDecoder();
      for await (const bytes of response.body ?? [])
        text += decoder.decode(bytes, { stream: true });
      if (response.status !== 503 || performance.now() > untilMs) return { response, text };
    } catch (error) {
      // The stream keeps what it has and goes on at another API.
      const isEvents = response?.headers.get("content-type")?.startsWith("text/event-stream");
      if (response !== undefined && isEvents === true) return { response, text };
      const isLeft = error instanceof Error && error.name === "AbortError";
      if (isLeft || performance.now() > untilMs) throw error;
    }
    await sleep(AGAIN_MS);
  }
}

interface ResponseEvent {
  readonly type: string;
  readonly sequence_number: number;
  /** The id of the response's only message. Every attempt gives it another id. */
  readonly item_id?: string;
  readonly delta?: string;
  readonly response?: { readonly error?: { readonly code: string } | null };
}

/** Reads a stream on from where it broke, as often as needed, and returns how it ended. */
async function readToEnd(
  begun: string,
  job: string,
  content: string,
  get: (rest: string) => Promise<string>,
): Promise<string> {
  const events: ResponseEvent[] = [];
  let error: ResponseEvent | undefined;
  for (let text = begun, tries = 0; tries < 20; tries++) {
    // The last event may have been cut.
    const whole = text.slice(0, text.lastIndexOf("\n\n") + 2);
    for (const part of whole.split("\n\n"))
      for (const [, data] of part.matchAll(/^data: (\{.*)$/gm)) {
        const event = JSON.parse(data ?? "") as ResponseEvent;
        // After an interruption the stream goes on at another API with the error's own number.
        // Before a failed response's last event the error is an event like all others.
        if (event.type === "error") error = event;
        else {
          if (error !== undefined && event.sequence_number > error.sequence_number)
            events.push(error);
          error = undefined;
          events.push(event);
        }
      }
    const last = events.at(-1);
    if (last !== undefined && /^response\.(completed|failed|cancelled)$/.test(last.type)) {
      const numbers = events.map((event) => event.sequence_number);
      if (numbers.some((number, index) => number !== index)) return `events ${numbers.join(" ")}`;
      const items = new Set(events.flatMap(({ item_id: item }) => item ?? []));
      if (items.size > 1) return `several answers as one: ${[...items].join(" ")}`;
      if (last.type !== "response.completed")
        return `${last.type.slice(9)} ${last.response?.error?.code}`;
      const output = events
        .filter(({ type }) => type === "response.output_text.delta")
        .map(({ delta }) => delta)
        .join("");
      return output === content ? "answer" : `wrong answer ${output}`;
    }
    const after = last === undefined ? "" : `&starting_after=${last.sequence_number}`;
    text = await get(`/responses/${job.replace("job_", "resp_")}?stream=true${after}`);
  }
  return `no end after ${JSON.stringify(events.at(-1))}`;
}

function textOf(parts: readonly string[]): string {
  return parts
    .map((part) => {
      const body = JSON.parse(part) as {
        choices?: { message?: { content: string }; delta?: { content?: string } }[];
        output?: { content?: { text: string }[] }[];
      };
      const [choice] = body.choices ?? [];
      const response = body.output?.flatMap(({ content = [] }) => content.map(({ text }) => text));
      return choice?.message?.content ?? choice?.delta?.content ?? response?.join("") ?? "";
    })
    .join("");
}

function codeIn(text: string): string {
  return /"code":\s*"([a-z_]+)"/.exec(text)?.[1] ?? text.slice(0, 200);
}
