import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
const dollar = { budget: { limit_usd: 1, period: "total" } };

/** Nothing is left in this process or held in the database. */
async function expectNothingLeft(): Promise<void> {
  await api.jobs.whenEmpty();
  expect(api.board.all().map(({ placed }) => placed)).toEqual([0, 0, 0]);
  expect((await api.budgets()).held).toBe(0n);
  expect(api.queues.waiting("gpu-a")).toEqual([]);
}

test("a queue that is away for a moment gets the entry when it is back", async () => {
  api.queues.failure = new Error("the connection was lost");
  const answer = api.post("/v1/chat/completions", chat);
  await eventually(() => {
    expect(api.logged.map(({ msg }) => msg)).toContain("queue did not take an entry");
  });
  api.queues.failure = undefined;
  const job = await api.worker.take("gpu-a");
  await job.answer({ done: true });
  expect((await answer).status).toBe(200);
  expect((await api.jobRows())[0]).toMatchObject({ state: "done" });
  await expectNothingLeft();
});

test("a queue that takes no entries is a 503 with nothing left behind", async () => {
  const key = await api.makeKey(dollar);
  api.queues.failure = new Error("queue is down");
  const headers = { authorization: `Bearer ${key}` };
  const response = await api.post("/v1/chat/completions", chat, { headers });
  api.queues.failure = undefined;
  expect(response.status).toBe(503);
  expect(response.headers.get("x-should-retry")).toBeNull();
  await api.database.end.drain();
  const states = (await api.jobRows()).filter(
    ({ error_code }) => error_code === "queue_unavailable",
  );
  expect(states.map(({ state }) => state)).toEqual(["failed"]);
  await expectNothingLeft();
});
