import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { statementRate } from "../../support/statement-rate.ts";
import { startReceiver, type Receiver } from "../webhooks/receiver.ts";

/**
 * Its two leases beat, its slots, its fleet and its work are looked at, and BullMQ asks for stalled
 * entries of each queue. With work at hand it sends more than thirty.
 */
const MOST_STATEMENTS_A_SECOND = 9;
/** Statements of the start are counted late, by up to ten seconds. */
const UNTIL_IDLE_MS = 60_000;
/** Two looks find nothing in that time. */
const IDLE_AFTER_MS = 3_000;

let receiver: Receiver;
let broker: TestBroker;
beforeAll(async () => {
  receiver = await startReceiver();
  broker = await startTestBroker({
    providers: { gpu: { slots: 2 }, cloud: { location: "cloud", slots: 2 } },
    models: `  chat:
    serve: [{ provider: gpu, model: a }]
    overflow: [{ provider: cloud, model: b }]
webhooks: { allow_networks: [127.0.0.0/8] }`,
  });
});
afterAll(async () => {
  await broker.stop();
  await receiver[Symbol.asyncDispose]();
});

const untilIdle = (): Promise<void> =>
  eventually(async () => {
    expect(await statementRate(broker.database.pool)).toBeLessThan(MOST_STATEMENTS_A_SECOND);
  }, UNTIL_IDLE_MS);

test("an idle broker asks for little, and is woken by whatever comes", async () => {
  await untilIdle();
  const { key } = await broker.key();
  const post = async (path: string, body: unknown, headers = {}): Promise<{ id: string }> => {
    const response = await fetch(`${broker.baseUrl}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    expect(response.ok).toBe(true);
    return (await response.json()) as { id: string };
  };
  const types = ["job.completed", "batch.completed"];
  await post("/webhook_endpoints", { name: "all", url: receiver.address, event_types: types });
  const chat = { model: "chat", max_tokens: 3, messages: [{ role: "user", content: "Hello" }] };

  await sleep(IDLE_AFTER_MS);
  const job = await post("/chat/completions", chat, { prefer: "respond-async" });
  await eventually(() => expect(announcedIds()).toContain(job.id), 20_000);

  const form = new FormData();
  form.set("purpose", "batch");
  const line = { custom_id: "1", method: "POST", url: "/v1/chat/completions", body: chat };
  form.set("file", new File([JSON.stringify(line)], "lines.jsonl"));
  const upload = await fetch(`${broker.baseUrl}/files`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: form,
  });
  const { id: file } = (await upload.json()) as { id: string };
  await sleep(IDLE_AFTER_MS);
  const batch = await post("/batches", {
    input_file_id: file,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  await eventually(() => expect(announcedIds()).toContain(batch.id), 20_000);
});

function announcedIds(): string[] {
  return receiver.received.map(
    ({ body }) => (JSON.parse(body) as { data: { id: string } }).data.id,
  );
}
