import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };

describe("whole answers", () => {
  test("are the upstream's bytes, with the broker's facts in headers", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const job = await api.worker.take("gpu-a");
    const bytes = '{ "odd":  "spacing", "unknown": [1.0], "id": 12345678901234567890 }';
    await job.answer(bytes, 4_500n);
    const response = await answer;
    expect(await response.text()).toBe(bytes);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/json",
      "x-request-id": expect.stringMatching(/^req_[0-9a-f]{32}$/),
      "x-spillway-job-id": job.entry.job,
      "x-spillway-provider": "gpu-a",
      "x-spillway-attempts": "1",
      "x-spillway-queue-ms": String(job.claim.queue_ms),
      "x-spillway-cost-usd": "0.0000045",
    });
  });

  test("carry the upstream's content type", async () => {
    const answer = api.post("/v1/completions", { model: "vendor/base-7b", prompt: "Once" });
    const job = await api.worker.take("gpu-a");
    expect(job.entry).toMatchObject({
      endpoint: "completions",
      maxOutputTokens: 1_000,
      choices: 1,
    });
    await job.settle("done", {
      body: Buffer.from("{}"),
      contentType: "application/json; charset=utf-8",
    });
    expect((await answer).headers.get("content-type")).toBe("application/json; charset=utf-8");
  });

  test("come although the request named no content type, or one with a charset", async () => {
    for (const type of [undefined, "application/json; charset=utf-8"]) {
      const headers = type === undefined ? {} : { "content-type": type };
      const answer = fetch(`${api.address}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${api.key}`, ...headers },
        body: new Blob([JSON.stringify(chat)]),
      });
      await (await api.worker.take("gpu-a")).answer({});
      expect((await answer).status).toBe(200);
    }
  });

  test("tell an upstream's refusal with its own words", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const job = await api.worker.take("gpu-a");
    const error = { message: "Too long.", param: "messages", wireCode: "string_above_max_length" };
    await job.settle("failed", { error: { code: "upstream_rejected", ...error } });
    const response = await answer;
    expect(response.status).toBe(400);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(response.headers.get("x-spillway-job-id")).toBe(job.entry.job);
    expect(response.headers.get("x-spillway-provider")).toBe("gpu-a");
    expect(await response.json()).toEqual({
      error: {
        message: "Too long.",
        type: "invalid_request_error",
        code: "string_above_max_length",
        param: "messages",
      },
    });
  });

  test("say when to come back, at most a minute later", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const job = await api.worker.take("gpu-a");
    const error = { code: "no_capacity", message: "Busy.", retryAfterMs: 90_000 } as const;
    await job.settle("failed", { error });
    const { status, headers } = await answer;
    expect([status, headers.get("retry-after"), headers.get("retry-after-ms")]).toEqual([
      503,
      "60",
      "60000",
    ]);
    expect(headers.get("x-should-retry")).toBeNull();
  });
});

describe("the entry", () => {
  test("holds odd Unicode and long integers whole", async () => {
    const content = String.raw`\u0000\ud800x\udfff\u2028‮👩‍👩‍👧`;
    const raw = `{"model":"chat-small","seed":9223372036854775807,"messages":[{"role":"user","content":"${content}"}]}`;
    const answer = api.post("/v1/chat/completions", raw);
    const job = await api.worker.take("gpu-a");
    const body = JSON.parse(job.entry.body) as typeof chat;
    expect(body.messages[0]?.content).toBe("\u0000\ud800x\udfff\u2028‮👩‍👩‍👧");
    expect(job.entry.body).toContain('"seed":9223372036854775807');
    await job.answer({});
    expect((await answer).status).toBe(200);
  });

  test("ranks the tenants' jobs in turn, classes apart", async () => {
    const other = await api.makeKey();
    const ask = async (key: string, tier?: string): Promise<Response> =>
      api.post(
        "/v1/chat/completions",
        { ...chat, service_tier: tier },
        { headers: { authorization: `Bearer ${key}` } },
      );
    const answers: Promise<Response>[] = [];
    const plan = [[api.key, "flex"], [api.key], [api.key], [other], [other, "priority"]] as const;
    for (const [index, [key, tier]] of plan.entries()) {
      answers.push(ask(key, tier));
      await api.queues.untilWaiting("gpu-a", index + 1);
    }
    const keys = new Map<string, number>();
    for (const row of await api.jobRows()) keys.set(row.id, row.class);
    const order = api.queues.waiting("gpu-a").map(({ entry }) => keys.get(entry.job));
    expect(order).toEqual([0, 1, 1, 1, 2]);
    const [, first, second, third] = api.queues.waiting("gpu-a").map(({ priority }) => priority);
    // The second tenant's only job has the same rank as the first tenant's first job.
    expect([first === second, (third ?? 0) - (first ?? 0)]).toEqual([true, 1]);
    for (const _ of plan) await (await api.worker.take("gpu-a")).answer({});
    for (const answer of answers) expect((await answer).status).toBe(200);
  });

  test("has the key's service class at most", async () => {
    const key = await api.makeKey({ max_service_tier: "flex" });
    const answer = api.post(
      "/v1/chat/completions",
      { ...chat, service_tier: "priority" },
      { headers: { authorization: `Bearer ${key}` } },
    );
    const job = await api.worker.take("gpu-a");
    expect((await api.jobRows()).find(({ id }) => id === job.entry.job)?.class).toBe(2);
    expect(job.entry.body).not.toContain("service_tier");
    await job.answer({});
    expect((await answer).status).toBe(200);
  });

  test("stays local when key or request says so", async () => {
    const localKey = await api.makeKey({ residency: "local" });
    for (const [key, header] of [
      [localKey, "any"],
      [api.key, "local"],
    ] as const) {
      const headers = { authorization: `Bearer ${key}`, "x-spillway-residency": header };
      const answer = api.post("/v1/chat/completions", chat, { headers });
      const job = await api.worker.take("gpu-a");
      expect(job.claim.residency).toBe("local");
      expect(job.claim.plan.map(({ provider }) => provider)).toEqual(["gpu-a"]);
      await job.answer({});
      expect((await answer).status).toBe(200);
    }
  });
});

describe("embeddings", () => {
  const floats = [0.5, -1.25, 3.4028234e38, 1e-45];
  const upstream = JSON.stringify({ object: "list", data: [{ index: 0, embedding: floats }] });

  test("come as base64 when asked for, from an upstream asked for floats", async () => {
    const request = { model: "embed-small", input: "Hi", encoding_format: "base64" };
    const answer = api.post("/v1/embeddings", request);
    const job = await api.worker.take("gpu-a");
    expect(JSON.parse(job.entry.body)).toEqual({ input: "Hi", encoding_format: "float" });
    expect(job.entry.maxOutputTokens).toBeNull();
    await job.answer(upstream);
    const json = (await (await answer).json()) as { data: { embedding: string }[] };
    const bytes = Buffer.from(json.data[0]?.embedding ?? "", "base64");
    const decoded = Array.from({ length: 4 }, (_, at) => bytes.readFloatLE(at * 4));
    expect(decoded).toEqual(floats.map(Math.fround));
  });

  test("pass byte for byte as floats", async () => {
    const answer = api.post("/v1/embeddings", { model: "embed-small", input: ["a", "b"] });
    const job = await api.worker.take("gpu-a");
    expect(job.entry.choices).toBe(2);
    await job.answer(upstream);
    expect(await (await answer).text()).toBe(upstream);
  });
});

test("writes one log line a request, with facts and without prompts, results or keys", async () => {
  const answer = api.post("/v1/chat/completions?secret=query", {
    ...chat,
    messages: [{ role: "user", content: "secret prompt" }],
  });
  const job = await api.worker.take("gpu-a");
  await job.answer({ content: "secret result" }, 42n);
  const requestId = (await answer).headers.get("x-request-id");
  const line = await api.logLine((each) => each["request_id"] === requestId);
  expect(line).toMatchObject({
    level: 30,
    method: "POST",
    path: "/v1/chat/completions",
    status: 200,
    model: "chat-small",
    job: job.entry.job,
    state: "done",
    provider: "gpu-a",
    attempts: 1,
    queue_ms: job.claim.queue_ms,
    cost_usd: "0.000000042",
    key: job.claim.key_id,
    ms: expect.any(Number),
  });
  const log = JSON.stringify(api.logged);
  expect(log).not.toContain("secret");
  expect(log).not.toContain(api.key);
});
