import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { playedLlamacpp, playedOllama } from "../../support/played-engine.ts";
import { completeChat, startPlayedServer, type PlayedServer } from "../../support/played-server.ts";

/** The engine runs this many sequences now; `most` is the highest number so far. */
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
      "  embed: { serve: [{ provider: llamacpp, model: e }] }",
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
      const inputs = Array.isArray(body["input"]) ? body["input"].length : 1;
      const sequences = counts ? Number(body["n"] ?? inputs) : 1;
      running += sequences;
      most = Math.max(most, running);
      await gate.promise;
      running -= sequences;
      if (body["input"] === undefined) completeChat({ ...body, n: sequences }, response);
      else embed(inputs, response);
    };
  llamacpp.answer = serve(true);
  ollama.answer = serve(false);
});

function embed(inputs: number, response: ServerResponse): void {
  const data = Array.from({ length: inputs }, (_, index) => ({
    object: "embedding",
    index,
    embedding: [0.5],
  }));
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ object: "list", data, usage: { prompt_tokens: inputs } }));
}

async function post(path: string, body: object): Promise<number> {
  const response = await fetch(broker.baseUrl + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const ask = (model: string, n: number): Promise<number> =>
  post("/chat/completions", { model, n, messages: [{ role: "user", content: "Hello" }] });

it("takes as many slots as the engine runs sequences, and never waits for itself", async () => {
  // A call that needs more than all slots takes them all. Waiting calls hold none, so each gets its
  // turn.
  const answers = [3, 3, 2, 1, 1, 9, 2].map((n) => ask("m", n));
  await eventually(() => expect(running).toBeGreaterThan(0));
  release();
  await Promise.all(answers);
  expect(llamacpp.calls).toHaveLength(7);
  // Nine sequences at once exceed the engine's slots in any case; all other calls stay within them.
  expect(most).toBe(9);
});

it("never passes the slots with several choices in flight", async () => {
  const answers = [2, 3, 2, 1, 4, 2, 1].map((n) => ask("m", n));
  await eventually(() => expect(running).toBeGreaterThan(0));
  release();
  await Promise.all(answers);
  expect(most).toBeLessThanOrEqual(4);
});

it("counts the inputs of embeddings, each of which works in a slot", async () => {
  const answers = [
    ...[3, 2, 4].map((count) =>
      post("/embeddings", { model: "embed", input: Array.from({ length: count }, () => "Hello") }),
    ),
    ask("m", 2),
  ];
  await eventually(() => expect(running).toBeGreaterThan(0));
  release();
  expect(await Promise.all(answers)).toEqual([200, 200, 200, 200]);
  expect(most).toBeLessThanOrEqual(4);
});

it("takes one slot where the engine runs one sequence whatever `n` says", async () => {
  const answers = [ask("o", 2), ask("o", 2)];
  await eventually(() => expect(running).toBe(2));
  release();
  await Promise.all(answers);
});
