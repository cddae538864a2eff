import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { FailureReason } from "../../../../shared/contracts/failure-reason.ts";
import { callOf, providerFor, rawUpstream, recordingSink } from "./upstream.ts";
import { type RecordedCall, recordedCalls } from "../../../fixtures/recorded-calls.ts";

const folder = fileURLToPath(new URL("../../../fixtures/", import.meta.url));

/** The answer must be taken, and reports these output tokens; or it is an error of this kind. */
type Expected =
  | { readonly tokens: number | undefined | "of one choice" }
  | { readonly refused: FailureReason };

const whole = { tokens: 6 };
const twice = { tokens: 12 };
/** The broker always asks for usage; these recordings show what a caller gets who does not ask. */
const untold = { tokens: undefined };
const embedded = { tokens: 0 };

const engines: Readonly<Record<string, Readonly<Record<string, Expected>>>> = {
  "vllm-0.32.0": {
    chat: whole,
    "chat-stream": untold,
    "chat-stream-usage": whole,
    "chat-two-choices": twice,
    "chat-stream-two-choices": twice,
    "chat-tool": { tokens: 60 },
    "chat-long": { refused: "context_overflow" },
    "chat-stream-long": { refused: "context_overflow" },
    "chat-wrong-model": { refused: "not_found" },
    "chat-wrong-key": { refused: "auth" },
    "chat-bad-schema": { refused: "bad_request" },
    "chat-stream-bad-schema": { refused: "bad_request" },
    completion: whole,
    "completion-stream": untold,
    "completion-stream-usage": whole,
    "completion-two-prompts": twice,
    embeddings: embedded,
    "embeddings-base64": embedded,
  },
  "llamacpp-0.3.36": {
    chat: whole,
    // Its `timings` report the tokens even when nobody asks.
    "chat-stream": whole,
    "chat-stream-usage": whole,
    // It reports one of several choices; the readers do not decide what this costs.
    "chat-two-choices": { tokens: "of one choice" },
    "chat-stream-two-choices": { tokens: "of one choice" },
    "chat-tool": { tokens: 60 },
    "chat-long": { refused: "context_overflow" },
    "chat-stream-long": { refused: "context_overflow" },
    // It answers to any name.
    "chat-wrong-model": whole,
    "chat-wrong-key": { refused: "auth" },
    "chat-bad-schema": { refused: "bad_request" },
    "chat-stream-bad-schema": { refused: "bad_request" },
    completion: whole,
    "completion-stream": whole,
    "completion-stream-usage": whole,
    "completion-two-prompts": { tokens: "of one choice" },
    embeddings: embedded,
    "embeddings-base64": embedded,
  },
  "ollama-0.17.4": {
    chat: whole,
    "chat-stream": untold,
    "chat-stream-usage": whole,
    // It knows no `n` and answers one choice, which is a whole answer.
    "chat-two-choices": whole,
    "chat-stream-two-choices": whole,
    "chat-tool": { refused: "unsupported" },
    // It cuts the prompt to its context in silence; the broker prevents this or says so before the
    // call.
    "chat-long": whole,
    "chat-stream-long": untold,
    "chat-wrong-model": { refused: "not_found" },
    // It has no keys.
    "chat-wrong-key": whole,
    "chat-bad-schema": { refused: "bad_request" },
    "chat-stream-bad-schema": { refused: "bad_request" },
    completion: whole,
    "completion-stream": untold,
    "completion-stream-usage": whole,
    "completion-two-prompts": { refused: "bad_request" },
    embeddings: embedded,
    "embeddings-base64": embedded,
  },
};

describe.each(Object.entries(engines))("%s, as recorded", (engine, expected) => {
  test.each(recordedCalls)("$name", async (call) => {
    const wanted = expected[call.name];
    expect(wanted, "every recorded call has its right outcome here").toBeDefined();
    const outcome = await played(engine, call);
    if (wanted !== undefined && "refused" in wanted) {
      expect(outcome).toMatchObject({ kind: "failed", reason: wanted.refused });
      return;
    }
    expect(outcome).toMatchObject({ kind: "ok" });
    if (wanted?.tokens === "of one choice") return;
    expect(outcome.usage?.completionTokens).toBe(wanted?.tokens);
  });
});

/** Plays the recorded bytes to the provider's readers, as the answer to this very request. */
async function played(engine: string, { name, endpoint, body }: RecordedCall) {
  const bytes = await readFile(`${folder}${engine}/${name}.http`);
  const upstream = await rawUpstream((socket) => socket.end(bytes));
  const lists = [body["prompt"], body["input"]].find(Array.isArray);
  const provider = providerFor(upstream.baseUrl);
  const call = callOf({
    endpoint,
    body: JSON.stringify(body),
    stream: body["stream"] === true,
    choices: Number(body["n"] ?? lists?.length ?? 1),
  });
  return provider.call(call, recordingSink());
}
