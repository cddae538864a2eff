import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, contentOf, errorOf } from "./ask.ts";
import { startRecordingUpstream, type RecordingUpstream } from "./recording-upstream.ts";

let busy: RecordingUpstream;
let idle: RecordingUpstream;
let broker: TestBroker;
beforeAll(async () => {
  [busy, idle] = await Promise.all([startRecordingUpstream(), startRecordingUpstream()]);
  const message = { role: "assistant", content: "Blue herons wade." };
  const json = { choices: [{ index: 0, message, finish_reason: "stop" }] };
  for (const upstream of [busy, idle]) upstream.answerWith({ json });
  broker = await startTestBroker({
    providers: {
      busy: { baseUrl: busy.url, brokerSlots: 1 },
      idle: { baseUrl: idle.url, brokerSlots: 2 },
    },
    models: [
      "  busy: { serve: [{ provider: busy, model: m }] }",
      "  idle: { serve: [{ provider: idle, model: m }] }",
    ].join("\n"),
    server: "{ queue_limit: 1MiB }",
  });
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([busy.close(), idle.close()]);
});

/** Ten of these use up the whole limit. */
const content = "a ".repeat(52_000);

test("a provider's full backlog leaves room for another's, and says when to come back", async () => {
  const { key } = await broker.key();
  const release = [busy.holdAnswers(), idle.holdAnswers()];
  const waiting = Array.from({ length: 12 }, () => ask(broker, { key, model: "busy", content }));
  const refused = await Promise.any(
    waiting.map(async (each) => {
      const answer = await each;
      if (answer.status !== 429) throw new Error(`${answer.status}`);
      return answer;
    }),
  );
  expect(errorOf(refused)).toMatchObject({ code: "rate_limit_exceeded" });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  // One request is in flight and one waits: the room reserved for an idle provider holds more.
  const others = Array.from({ length: 2 }, () => ask(broker, { key, model: "idle", content }));
  await eventually(() => expect(idle.bodies.length).toBe(2));
  for (const letGo of release) letGo();
  for (const other of await Promise.all(others)) expect(contentOf(other)).toBe("Blue herons wade.");
  const statuses = (await Promise.all(waiting)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  // All providers share half of the limit: one provider alone gets at most three quarters here.
  expect(statuses.filter((status) => status === 200).length).toBe(7);
});
