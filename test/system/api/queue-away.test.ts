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

/** The first API waits for an absent queue as long as a test may last, the second does not wait. */
let patient: ApiServer;
let impatient: ApiServer;
beforeAll(async () => {
  const enterPauseMs = 10;
  patient = await startApi({ timings: { enterWithinMs: 600_000, enterPauseMs } });
  impatient = await startApi({ timings: { enterWithinMs: 0, enterPauseMs } });
});
afterAll(async () => {
  await patient[Symbol.asyncDispose]();
  await impatient[Symbol.asyncDispose]();
});

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
const dollar = { budget: { limit_usd: 1, period: "total" } };

/** Nothing is left in this process or held in the database. */
async function expectNothingLeft(api: ApiServer): Promise<void> {
  await api.jobs.whenEmpty();
  expect(api.providerStates.all().map(({ placed }) => placed)).toEqual([0, 0, 0]);
  expect((await api.budgets()).held).toBe(0n);
  expect(api.queues.waiting("gpu-a")).toEqual([]);
}

async function stateOf(api: ApiServer, job: string): Promise<string | undefined> {
  return (await api.jobRows()).find(({ id }) => id === job)?.state;
}

test("a queue that is away for a moment gets the entry when it is back", async () => {
  using add = vi.spyOn(patient.queues, "add");
  patient.queues.failure = new Error("the connection was lost");
  const answer = patient.post("/v1/chat/completions", chat);
  await eventually(() => {
    expect(patient.logged.map(({ msg }) => msg)).toContain("queue did not take an entry");
    expect(add.mock.calls.length).toBeGreaterThan(2);
  });
  patient.queues.failure = undefined;
  const job = await patient.worker.take("gpu-a");
  await job.answer({ done: true });
  expect((await answer).status).toBe(200);
  expect(await stateOf(patient, job.entry.job)).toBe("done");
  await expectNothingLeft(patient);
});

test("a queue that takes no entries is a 503 with nothing left behind", async () => {
  const key = await impatient.makeKey(dollar);
  impatient.queues.failure = new Error("queue is down");
  const headers = { authorization: `Bearer ${key}` };
  const response = await impatient.post("/v1/chat/completions", chat, { headers });
  impatient.queues.failure = undefined;
  expect(response.status).toBe(503);
  expect(response.headers.get("x-should-retry")).toBeNull();
  await impatient.database.end.drain();
  const states = (await impatient.jobRows()).filter(
    ({ error_code }) => error_code === "queue_unavailable",
  );
  expect(states.map(({ state }) => state)).toEqual(["failed"]);
  await expectNothingLeft(impatient);
});

describe("an entry whose acknowledgement was lost with the connection", () => {
  let add: MockInstance<typeof impatient.queues.add>;
  /** Once settled, the queue fails every `add` after the first. */
  let refuse: PromiseWithResolvers<void>;
  /** Settles at the second `add`. */
  let asked: PromiseWithResolvers<void>;
  beforeEach(() => {
    const really = impatient.queues.add.bind(impatient.queues);
    refuse = Promise.withResolvers();
    asked = Promise.withResolvers();
    const lost = new Error("the connection was lost");
    add = vi.spyOn(impatient.queues, "add");
    add.mockImplementation(async () => {
      asked.resolve();
      await refuse.promise;
      throw lost;
    });
    add.mockImplementationOnce(async (...entry) => {
      await really(...entry);
      throw lost;
    });
  });
  afterEach(() => add.mockRestore());

  test("is run, and its caller answered, though the queue stays away", async () => {
    const answer = impatient.post("/v1/chat/completions", chat);
    await asked.promise;
    const job = await impatient.worker.take("gpu-a");
    refuse.resolve();
    // In this time, a run that gives up would ask the attempt to stop.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await job.answer({ done: true });
    expect((await answer).status).toBe(200);
    expect(await stateOf(impatient, job.entry.job)).toBe("done");
    expect(await Promise.race([job.stopRequested, Promise.resolve("goes on")])).toBe("goes on");
    await expectNothingLeft(impatient);
  });

  test("is taken back when its caller is told that the queue is away", async () => {
    refuse.resolve();
    const response = await impatient.post("/v1/chat/completions", chat);
    expect(response.status).toBe(503);
    expect(add).toHaveBeenCalledTimes(2);
    await expectNothingLeft(impatient);
  });
});
