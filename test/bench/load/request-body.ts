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
  let content = "";
  for (let count = 0; write(content).length < bytes; count += 1) {
    content +=
      count % 12 === 11 ? `"${words[count % words.length]}".\n` : `${words[count % words.length]} `;
  }
  while (write(content).length > bytes) content = content.slice(0, -1);
  return write(content.padEnd(content.length + bytes - write(content).length, "."));
}
