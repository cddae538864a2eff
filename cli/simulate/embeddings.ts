import type { EmbeddingRequest } from "./inference-request.ts";

const DEFAULT_DIMENSIONS = 16;

/** Makes an embeddings answer. The same input always has the same vector, in both encodings. */
export function embeddingsBody(request: EmbeddingRequest): string {
  const dimensions = request.dimensions ?? DEFAULT_DIMENSIONS;
  const data = request.prompts.map((prompt, index) => {
    const vector = unitVector(`${prompt.tokens}:${prompt.text}`, dimensions);
    const embedding = request.base64
      ? Buffer.from(vector.buffer).toString("base64")
      : Array.from(vector);
    return { object: "embedding", index, embedding };
  });
  const tokens = request.prompts.reduce((sum, prompt) => sum + prompt.tokens, 0);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return JSON.stringify({ object: "list", data, model: request.model, usage });
}

/** Makes pseudo-random numbers seeded by the text (FNV-1a, then xorshift), scaled to length 1. */
function unitVector(text: string, dimensions: number): Float32Array<ArrayBuffer> {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  }
  const vector = new Float32Array(dimensions);
  let squares = 0;
  for (let at = 0; at < dimensions; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const value = state / 0x80000000;
    vector[at] = value;
    squares += value * value;
  }
  const length = Math.sqrt(squares) || 1;
  return vector.map((value) => value / length);
}
