import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, price: { input: 0, output: 1_000 } } },
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
});
afterAll(() => broker.stop());

async function post(key: string, path: string): Promise<Response> {
  const response = await fetch(`${broker.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "chat",
      max_tokens: 3,
      messages: [{ role: "user", content: "Hello" }],
    }),
  });
  await response.arrayBuffer();
  return response;
}

test("metrics count requests, attempts, cost and holds as they happened", async () => {
  const { key } = await broker.key({ budget: { limit_usd: 5, period: "day" } });
  expect((await post(key, "/v1/chat/completions")).status).toBe(200);
  expect((await post("sk-wrong", "/v1/chat/completions")).status).toBe(401);
  expect((await post(key, "/v1/made-up/42")).status).toBe(404);
  const read = async (): Promise<string> => await (await fetch(`${broker.url}/metrics`)).text();
  await eventually(async () =>
    expect(await read()).toContain(
      'spillway_requests_total{endpoint="/v1/chat/completions",status="200"} 1',
    ),
  );
  const text = await read();
  for (const line of [
    'spillway_requests_total{endpoint="/v1/chat/completions",status="401"} 1',
    'spillway_requests_total{endpoint="unknown",status="404"} 1',
    'spillway_attempts_total{provider="gpu",status="ok"} 1',
    'spillway_cost_usd_total{provider="gpu"} 0.003',
    'spillway_slots{provider="gpu"} 4',
    'spillway_in_flight{provider="gpu"} 0',
    'spillway_queue_depth{provider="gpu"} 0',
    'spillway_provider_up{provider="gpu"} 1',
    "spillway_held_usd 0",
    "spillway_settled_usd 0.003",
  ])
    expect(text.split("\n")).toContain(line);
  expect(text).not.toContain("made-up");
});

test("health tells liveness from readiness", async () => {
  expect((await fetch(`${broker.url}/health/live`)).status).toBe(200);
  expect((await fetch(`${broker.url}/health/ready`)).status).toBe(200);
});
