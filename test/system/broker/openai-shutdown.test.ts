import { once } from "node:events";
import { connect, type Socket } from "node:net";
import OpenAI from "openai";
import { expect, test } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";

const models = "  chat:\n    serve: [{ provider: gpu, model: m }]";

async function openSocket(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

test("connections that have brought no whole request do not hold up a stop", async () => {
  const broker = await startTestBroker({ providers: { gpu: {} }, models });
  try {
    const silent = await openSocket(broker.url);
    const halfway = await openSocket(broker.url);
    halfway.write("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n");
    const closed = Promise.all([once(silent, "close"), once(halfway, "close")]);
    // The answer on a later connection shows that the server has accepted both earlier ones.
    await fetch(`${broker.url}/health/live`);
    await broker.broker.stop(0);
    await closed;
  } finally {
    await broker.stop();
  }
});

test("a call under way is answered within the grace time of a stop", async () => {
  const broker = await startTestBroker({ providers: { gpu: { ttftMs: 500 } }, models });
  try {
    const { key } = await broker.key();
    const client = new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 });
    const answer = client.chat.completions.create({
      model: "chat",
      messages: [{ role: "user", content: "Hello" }],
      max_tokens: 1,
    });
    await eventually(() => expect(broker.upstreams["gpu"]?.counters().inFlight).toBe(1));
    await broker.broker.stop(60_000);
    expect((await answer).choices[0]?.message.content).toBe("tok0");
  } finally {
    await broker.stop();
  }
});
