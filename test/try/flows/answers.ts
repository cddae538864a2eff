import { expect } from "../run/expect.ts";
import type { Flow } from "../run/flow.ts";
import { chatOf, type EngineContext, MODELS } from "./context.ts";

interface ChatAnswer {
  readonly choices: readonly {
    readonly message: { readonly content: string | null };
    readonly finish_reason: string;
  }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

/** Callers commonly send these requests, to all three kinds of endpoints. */
export const answerFlows: readonly Flow<EngineContext>[] = [
  { name: "chat", run: chat },
  { name: "chat, streamed", run: streamedChat },
  { name: "completions, whole and streamed", run: completions },
  { name: "embeddings, floats and base64", run: embeddings },
  { name: "responses, whole", run: response },
  { name: "responses, streamed and chained", run: chainedResponses },
  { name: "3,900 tokens in one whole answer", run: longAnswer, timeoutMs: 1_200_000 },
];

async function chat({ engine, caller }: EngineContext): Promise<string> {
  const answer = await caller.post("/v1/chat/completions", chatOf(engine, 12));
  expect(answer.status === 200, `${answer.status} ${answer.text}`);
  const { choices, usage } = answer.json as ChatAnswer;
  expect(choices[0]?.finish_reason === "length", `finish ${choices[0]?.finish_reason ?? "none"}`);
  expect(usage.completion_tokens === 12, `usage ${JSON.stringify(usage)}`);
  const [row] = await caller.ledger(jobOf(answer.headers));
  expect(row?.completion_tokens === 12 && !row.estimated, `ledger ${JSON.stringify(row)}`);
  return `${usage.prompt_tokens} + ${usage.completion_tokens} tokens, ledger the same`;
}

async function streamedChat({ engine, caller }: EngineContext): Promise<string> {
  const body = chatOf(engine, 12, { stream_options: { include_usage: true } });
  const { events, done, headers, status } = await caller.stream("/v1/chat/completions", body);
  expect(status === 200 && done, `status ${status}, [DONE] ${done}`);
  const usages = events.filter((event) => (event["usage"] ?? null) !== null);
  expect(usages.length === 1 && usages[0] === events.at(-1), `${usages.length} events with usage`);
  const text = events.map((event) => JSON.stringify(event["choices"])).join("");
  expect(text.includes('"finish_reason":"length"'), "no finish reason");
  const [row] = await caller.ledger(jobOf(headers));
  expect(row?.completion_tokens === 12 && !row.estimated, `ledger ${JSON.stringify(row)}`);
  const plain = await caller.stream("/v1/chat/completions", chatOf(engine, 12));
  const withoutUsage = plain.events.every((event) => (event["usage"] ?? null) === null);
  expect(withoutUsage, "usage for a caller who did not ask for it");
  return `${events.length} events, usage once, none where not asked for`;
}

async function completions({ engine, caller }: EngineContext): Promise<string> {
  const body = { model: MODELS.chat, prompt: "rivers", max_tokens: 9, ...engine.untilCap };
  const whole = await caller.post("/v1/completions", body);
  expect(whole.status === 200, `${whole.status} ${whole.text}`);
  const { choices } = whole.json as { choices: { text: string; finish_reason: string }[] };
  expect(choices[0]?.finish_reason === "length", whole.text);
  const { events, done } = await caller.stream("/v1/completions", body);
  // Some engines send usage with the finish reason, whether requested or not; earlier usage would
  // be wrong.
  const early = events.slice(0, -1).filter((event) => (event["usage"] ?? null) !== null);
  expect(done && early.length === 0, `[DONE] ${done}, ${early.length} early events with usage`);
  return `${choices[0].text.length} characters whole, ${events.length} events streamed`;
}

async function embeddings({ engine, caller }: EngineContext): Promise<string> {
  if (engine.embeddings === undefined) return "not served";
  const body = { model: MODELS.embeddings, input: ["one", "two words"] };
  const floats = await caller.post("/v1/embeddings", body);
  expect(floats.status === 200, `${floats.status} ${floats.text}`);
  const { data } = floats.json as { data: { embedding: number[] }[] };
  const size = data[0]?.embedding.length ?? 0;
  const coded = await caller.post("/v1/embeddings", { ...body, encoding_format: "base64" });
  const packed = (coded.json as { data: { embedding: string }[] }).data[1]?.embedding ?? "";
  expect(Buffer.from(packed, "base64").length === 4 * size, `base64 of ${packed.length} letters`);
  return `${data.length} vectors of ${size}, both ways`;
}

async function response({ caller }: EngineContext): Promise<string> {
  const body = { model: MODELS.chat, input: "rivers", max_output_tokens: 12, temperature: 0 };
  const answer = await caller.post("/v1/responses", body);
  expect(answer.status === 200, `${answer.status} ${answer.text}`);
  const { status, incomplete_details: details } = answer.json as {
    status: string;
    incomplete_details: { reason: string } | null;
  };
  const cut = status === "incomplete" && details?.reason === "max_output_tokens";
  expect(cut || status === "completed", answer.text);
  return `${status} ${details?.reason ?? ""}`;
}

async function chainedResponses({ caller }: EngineContext): Promise<string> {
  const body = { model: MODELS.chat, input: "rivers", max_output_tokens: 12, temperature: 0 };
  const { events } = await caller.stream("/v1/responses", body);
  const last = events.at(-1) as { type: string; response: { id: string } } | undefined;
  const ended = last?.type === "response.completed" || last?.type === "response.incomplete";
  expect(ended, `last event ${JSON.stringify(last)}`);
  const numbered = events.every((event, index) => event["sequence_number"] === index);
  expect(numbered, "sequence numbers have gaps");
  const deltas = events.filter((event) => event["type"] === "response.output_text.delta");
  expect(
    deltas.every((event) => event["output_index"] === 0 && event["content_index"] === 0),
    "deltas without indexes",
  );
  const next = await caller.post("/v1/responses", {
    ...body,
    input: "and lakes",
    previous_response_id: last.response.id,
  });
  expect(next.status === 200, `${next.status} ${next.text}`);
  return `${events.length} events to ${last.type}, the next turn answered`;
}

async function longAnswer({ engine, caller }: EngineContext): Promise<string> {
  let began = performance.now();
  let answer = await caller.post("/v1/chat/completions", chatOf(engine, 3_900));
  // Below 14 tokens a second the answer takes longer than a connection may wait, and is requested
  // as a job.
  const isSlow = answer.status === 504 && answer.text.includes("Prefer: respond-async");
  let id = jobOf(answer.headers);
  if (isSlow) {
    began = performance.now();
    const prefer = { headers: { prefer: "respond-async" } };
    const accepted = await caller.post("/v1/chat/completions", chatOf(engine, 3_900), prefer);
    id = jobOf(accepted.headers);
    do answer = await caller.get(`/v1/jobs/${id}?wait=30`);
    while (!(answer.json as { status: string }).status.match(/completed|failed/));
  }
  expect(answer.status === 200, `${answer.status} ${answer.text.slice(0, 300)}`);
  const rows = await caller.ledger(id);
  expect(rows.length === 1, `${rows.length} attempts: ${JSON.stringify(rows)}`);
  expect(rows[0]?.completion_tokens === 3_900, `ledger ${JSON.stringify(rows[0])}`);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return `${isSlow ? "as a job, " : ""}one attempt of ${seconds} s, first_byte being 5 s`;
}

/** Returns the job of a response. */
export function jobOf(headers: Headers): string {
  const id = headers.get("x-spillway-job-id");
  expect(id !== null, "no x-spillway-job-id");
  return id;
}
