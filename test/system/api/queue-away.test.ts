import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  vi,
  type MockInstance,
} from "vitest";
import { eventually } from "../../support/eventually.ts";
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
  expect(api.providerStates.all().map(({ placed }) => placed)).toEqual([0, 0, 0]);
  expect((await api.budgets()).held).toBe(0n);
  expect(api.queues.waiting("gpu-a")).toEqual([]);
}

async function stateOf(job: string): Promise<string | undefined> {
  return (await api.jobRows()).find(({ id }) => id === job)?.state;
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
  expect(await stateOf(job.entry.job)).toBe("done");
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

describe("an entry whose acknowledgement was lost with the connection", () => {
  let add: MockInstance<typeof api.queues.add>;
  beforeEach(() => {
    const really = api.queues.add.bind(api.queues);
    add = vi.spyOn(api.queues, "add").mockImplementationOnce(async (...entry) => {
      await really(...entry);
      api.queues.failure = new Error("the connection was lost");
      throw api.queues.failure;
    });
  });
  afterEach(() => {
    add.mockRestore();
    api.queues.failure = undefined;
  });

  test("is run, and its caller answered, though the queue stays away", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const job = await api.worker.take("gpu-a");
    // Longer than the queue may stay away.
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    await job.answer({ done: true });
    expect((await answer).status).toBe(200);
    expect(await stateOf(job.entry.job)).toBe("done");
    await expectNothingLeft();
  });

  test("is taken back when its caller is told that the queue is away", async () => {
    const response = await api.post("/v1/chat/completions", chat);
    expect(response.status).toBe(503);
    expect(add.mock.calls.length).toBeGreaterThan(2);
    await expectNothingLeft();
  });
});
