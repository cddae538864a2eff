import { afterAll, beforeAll, expect, test } from "vitest";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
const streamed = { ...chat, stream: true };

test.each<[string, object, string, number, Record<string, string>?]>([
  ["of a stream, whose bytes may follow one another for longer", streamed, "5", 120_000],
  ["beyond the default", chat, "600", 120_000],
  ["beside a whole time", chat, "5", 60_000, { "x-stainless-timeout": "60" }],
  ["beside a deadline", chat, "5", 70_000, { "x-spillway-deadline-ms": "70000" }],
  ["that is nonsense", chat, "NOT_GIVEN", 120_000],
  ["that is short", chat, "5", 5_000],
])("with a read timeout %s", async (_name, body, seconds, expectedMs, more = {}) => {
  const headers = { "x-stainless-read-timeout": seconds, ...more };
  const answer = api.post("/v1/chat/completions", body, { headers });
  const job = await api.worker.take("gpu-a");
  const { rows } = await api.database.pool.query<{ ms: number }>(
    "select round(extract(epoch from deadline_at - accepted_at) * 1000)::int as ms from jobs where id = $1",
    [job.entry.job],
  );
  expect(rows[0]?.ms).toBeGreaterThan(expectedMs - 3_000);
  expect(rows[0]?.ms).toBeLessThanOrEqual(expectedMs + 1);
  await job.head();
  await job.answer({});
  await answer;
});
