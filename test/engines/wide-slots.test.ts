import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../support/broker.ts";
import { playedLlamacpp, playedOllama } from "./played-engine.ts";
import { completeChat, startPlayedServer, type PlayedServer } from "./played-server.ts";

/** Sequences that an engine runs, and the most that it ran at once. */
let running = 0;
let most = 0;
let release: () => void = () => undefined;
let llamacpp: PlayedServer;
let ollama: PlayedServer;
let broker: TestBroker;
let key: string;

beforeAll(async () => {
  llamacpp = await startPlayedServer(playedLlamacpp);
  ollama = await startPlayedServer(playedOllama);
  broker = await startTestBroker({
    providers: {
      llamacpp: { baseUrl: llamacpp.url, brokerSlots: 4, yaml: "engine: llamacpp" },
      ollama: { baseUrl: ollama.url, brokerSlots: 2, yaml: "engine: ollama" },
    },
    models: [
      "  m: { serve: [{ provider: llamacpp, model: m }] }",
      "  o: { serve: [{ provider: ollama, model: tiny }] }",
    ].join("\n"),
  });
  ({ key } = await broker.key());
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([llamacpp.close(), ollama.close()]);
});
beforeEach(() => {
  running = 0;
  most = 0;
  const gate = Promise.withResolvers<void>();
  release = () => gate.resolve();
  const serve =
    (counts: boolean): PlayedServer["answer"] =>
    async (body, response) => {
      const sequences = counts ? Number(body["n"] ?? 1) : 1;
      running += sequences;
      most = Math.max(most, running);
      await gate.promise;
      running -= sequences;
      completeChat({ ...body, n: sequences }, response);
    };
  llamacpp.answer = serve(true);
  ollama.answer = serve(false);
});

async function ask(model: string, n: number): Promise<number> {
  const response = await fetch(`${broker.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, n, messages: [{ role: "user", content: "Hello" }] }),
  });
  await response.arrayBuffer();
  return response.status;
}

it("takes as many slots as the engine runs sequences, and never waits for itself", async () => {
  // More than all slots takes them all; those that wait hold none, so that all have their turn.
  const answers = [3, 3, 2, 1, 1, 9, 2].map((n) => ask("m", n));
  await expect.poll(() => running).toBeGreaterThan(0);
  release();
  await Promise.all(answers);
  expect(llamacpp.calls).toHaveLength(7);
  // Nine at once are more than the engine has in any case; everything else keeps to the slots.
  expect(most).toBe(9);
});

it("never passes the slots with several choices in flight", async () => {
  const answers = [2, 3, 2, 1, 4, 2, 1].map((n) => ask("m", n));
  await expect.poll(() => running).toBeGreaterThan(0);
  release();
  await Promise.all(answers);
  expect(most).toBeLessThanOrEqual(4);
});

it("takes one slot where the engine runs one sequence whatever `n` says", async () => {
  const answers = [ask("o", 2), ask("o", 2)];
  await expect.poll(() => running).toBe(2);
  release();
  await Promise.all(answers);
});
