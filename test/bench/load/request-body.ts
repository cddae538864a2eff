import { BENCH_MODEL } from "./load.ts";

const WORDS = ["water", "dam", "gate", "river", "flood", "level", "turbine", "basin", "inflow"];

/**
 * Makes a chat request of exactly `bytes` bytes as JSON, with line breaks and quotes in its text.
 */
export function requestBody(bytes: number, stream: boolean): string {
  const write = (content: string): string =>
    JSON.stringify({
      model: BENCH_MODEL,
      messages: [
        { role: "system", content: "You are an engineer. Answer in one sentence." },
        { role: "user", content },
      ],
      max_tokens: 64,
      temperature: 0,
      ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    });
  let left = bytes - write("").length;
  let content = "";
  for (let count = 0; ; count += 1) {
    const word = WORDS[count % WORDS.length] ?? "";
    const piece = count % 12 === 11 ? `"${word}".\n` : `${word} `;
    // Escaping adds the same to a piece wherever it stands.
    const length = JSON.stringify(piece).length - 2;
    if (length > left) return write(content + ".".repeat(left));
    content += piece;
    left -= length;
  }
}
