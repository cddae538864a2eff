import { embeddingsBody } from "../../../cli/simulate/embeddings.ts";
import { textPrompt } from "../../../cli/simulate/prompt.ts";
import type { SeededRandom } from "../seeded-random.ts";

/** A request has only one right answer. */
export interface ShapedRequest {
  readonly shape: string;
  readonly path: string;
  readonly body: string;
  readonly isStream: boolean;
  /** Tells whether the request is too expensive for a budgeted key. */
  readonly isBig: boolean;
  /** The answer is the text of all choices, or all embeddings as JSON. */
  readonly answer: string;
}

const WEIGHTS = {
  "short json": 30,
  "short stream": 28,
  "long json": 5,
  "long stream": 8,
  completion: 6,
  "completion stream": 5,
  embeddings: 8,
  "big embeddings": 2,
  "many choices": 1,
  "big prompt": 2,
} as const;

const BIG_PROMPT_BYTES = 300_000;
const BIG_EMBEDDINGS = { inputs: 5, dimensions: 4_096 };
const CHOICES = 100;

/** Makes a request of a random shape. The simulator echoes its prompt, so its answer is known. */
export function shapeRequest(random: SeededRandom, marker: string): ShapedRequest {
  const shape = random.weighted(WEIGHTS);
  const isStream = shape.endsWith("stream");
  return { shape, isStream, isBig: false, ...fill(random, marker, shape, isStream) };
}

type Filled = Pick<ShapedRequest, "path" | "body" | "answer"> & { readonly isBig?: boolean };

function fill(
  random: SeededRandom,
  marker: string,
  shape: keyof typeof WEIGHTS,
  isStream: boolean,
): Filled {
  const text = (from: number, to: number): string => echo(marker, random.int(from, to));
  if (shape === "embeddings") return embeddings(marker);
  if (shape === "big embeddings") return embeddings(marker, BIG_EMBEDDINGS);
  if (shape === "many choices") return { isBig: true, ...chat(text(3_000, 3_000), { n: CHOICES }) };
  if (shape === "long json") return { isBig: true, ...chat(text(1_000, 6_000)) };
  if (shape === "long stream") return { isBig: true, ...chat(text(2_000, 10_000), { isStream }) };
  if (shape === "big prompt")
    return { isBig: true, ...chat(text(50, 50), { system: "s".repeat(BIG_PROMPT_BYTES) }) };
  if (shape === "short json" || shape === "short stream") return chat(text(10, 200), { isStream });
  const prompt = text(10, 400);
  const body = { model: "chat", prompt, max_tokens: 150, stream: isStream };
  return { path: "/completions", body: JSON.stringify(body), answer: prompt };
}

/** Makes a text that the simulator returns, and that differs from any other marker's. */
function echo(marker: string, bytes: number): string {
  const words = `[sim echo] ${marker}`;
  return words + ` ${marker}`.repeat(Math.ceil(bytes / (marker.length + 1)));
}

function chat(
  text: string,
  { isStream = false, n = 1, system }: { isStream?: boolean; n?: number; system?: string } = {},
): Pick<ShapedRequest, "path" | "body" | "answer"> {
  const body = JSON.stringify({
    model: "chat",
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      { role: "user", content: text },
    ],
    max_tokens: Math.ceil(text.length / 4) + 10,
    stream: isStream,
    ...(n === 1 ? {} : { n }),
  });
  return { path: "/chat/completions", body, answer: text.repeat(n) };
}

function embeddings(
  marker: string,
  big?: typeof BIG_EMBEDDINGS,
): Pick<ShapedRequest, "path" | "body" | "answer" | "isBig"> {
  const input = Array.from({ length: big?.inputs ?? 2 }, (_, index) => `${marker} ${index}`);
  const dimensions = big?.dimensions ?? 32;
  const body = JSON.stringify({ model: "embed", input, dimensions });
  const prompts = input.map(textPrompt);
  const answer = embeddingsBody({
    endpoint: "embeddings",
    model: "m",
    prompts,
    base64: false,
    dimensions,
  });
  const { data } = JSON.parse(answer) as { data: { embedding: unknown }[] };
  return {
    path: "/embeddings",
    body,
    isBig: big !== undefined,
    answer: JSON.stringify(data.map(({ embedding }) => embedding)),
  };
}
