import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RecordedCall, recordedCalls } from "../../fixtures/recorded-calls.ts";
import type { FlowResult } from "../run/flow.ts";
import type { RealEngine } from "./engine.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/", import.meta.url));
const PATHS = {
  "chat.completions": "/chat/completions",
  completions: "/completions",
  embeddings: "/embeddings",
} as const;
/** Some engines cut a prompt that is too long, and then compute the rest. */
const ANSWER_TIMEOUT_MS = 600_000;

/** Calls the engine itself and writes each answer, byte for byte, to `test/fixtures/<engine>/`. */
export async function recordEngine(engine: RealEngine): Promise<FlowResult[]> {
  const dir = join(FIXTURES, engine.name);
  await mkdir(dir, { recursive: true });
  const results: FlowResult[] = [];
  for (const call of recordedCalls) {
    const began = performance.now();
    const bytes = await answerTo(engine, call);
    await writeFile(join(dir, `${call.name}.http`), bytes);
    const [seen = ""] = bytes.toString("latin1").split("\r\n", 1);
    results.push({
      name: call.name,
      right: bytes.length > 0,
      seen,
      tookMs: performance.now() - began,
    });
  }
  return results;
}

/** Returns all bytes of an answer, on its own connection, which the engine closes at the end. */
async function answerTo(
  { baseUrl, embeddings, model, apiKey, untilCap }: RealEngine,
  { endpoint, body, wrongKey }: RecordedCall,
): Promise<Buffer> {
  const server =
    endpoint === "embeddings" && embeddings !== undefined ? embeddings : { baseUrl, model };
  const extra = endpoint === "embeddings" ? {} : untilCap;
  const text = JSON.stringify({ model: server.model, ...extra, ...body });
  const url = new URL(server.baseUrl);
  const key = wrongKey === undefined ? apiKey : "sk-wrong";
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
    socket.destroy(new Error(`${endpoint} was not answered`)),
  );
  socket.write(
    [
      `POST ${url.pathname}${PATHS[endpoint]} HTTP/1.1`,
      `host: ${url.host}`,
      "content-type: application/json",
      "connection: close",
      ...(key === undefined ? [] : [`authorization: Bearer ${key}`]),
      `content-length: ${Buffer.byteLength(text)}`,
      "",
      text,
    ].join("\r\n"),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
