import { benchModel } from "./bench-model.ts";

const words = ["water", "dam", "gate", "river", "flood", "level", "turbine", "basin", "inflow"];

/** A chat request of exactly that many bytes as JSON, of text with line breaks and quotes. */
export function requestBody(bytes: number, stream: boolean): string {
  const write = (content: string): string =>
    JSON.stringify({
      model: benchModel,
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
    const word = words[count % words.length] ?? "";
    const piece = count % 12 === 11 ? `"${word}".\n` : `${word} `;
    // What escaping adds is the same wherever the piece stands.
    const length = JSON.stringify(piece).length - 2;
    if (length > left) return write(content + ".".repeat(left));
    content += piece;
    left -= length;
  }
}
