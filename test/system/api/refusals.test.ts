import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
let budgetedKey: string;
beforeAll(async () => {
  api = await startApi({ server: { bodyLimitBytes: 300_000 } });
  budgetedKey = await api.makeKey({ budget: { limit_usd: 1, period: "day" } });
});
afterAll(() => api[Symbol.asyncDispose]());

interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly code: string;
    readonly param: string | null;
  };
}

const messages = [{ role: "user", content: "Hi" }];
const chat = { model: "chat-small", messages };

/** Asserts the shape that every error has, and that no job and no hold was left behind. */
async function expectError(response: Response, status: number): Promise<ErrorBody["error"]> {
  expect(response.status).toBe(status);
  expect(response.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{32}$/);
  expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
  if (status < 500) expect(response.headers.get("x-should-retry")).toBe("false");
  const { error } = (await response.json()) as ErrorBody;
  expect(Object.keys(error)).toEqual(["message", "type", "code", "param"]);
  expect(await api.jobRows()).toEqual([]);
  expect((await api.budgets()).held).toBe(0n);
  expect(api.providerStates.all().every(({ placed }) => placed === 0)).toBe(true);
  expect(api.jobs.size).toBe(0);
  return error;
}

function ask(path: string, method = "GET"): Promise<Response> {
  return fetch(api.address + path, { method });
}

describe("nonsense", () => {
  const deep = `{"model":"chat-small","messages":${"[".repeat(100_000)}`;
  const badBytes = Buffer.concat([
    Buffer.from('{"model":"chat-small","messages":[{"role":"user","content":"'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('"}]}'),
  ]);
  const huge = { ...chat, messages: [{ role: "user", content: "x".repeat(20_000_000) }] };
  const proto = '{"model":"chat-small","messages":[{"role":"user","__proto__":{"admin":true}}]}';

  test.each<[string, unknown, number, string | null]>([
    ["an empty body", "", 400, null],
    ["bad JSON", '{"model":', 400, null],
    ["an array", "[]", 400, null],
    ["invalid UTF-8", new Blob([badBytes]), 400, null],
    ["100,000 levels", deep, 400, null],
    ["__proto__", proto, 400, "__proto__"],
    ["an unknown model", { ...chat, model: "gpt-none" }, 404, "model"],
    ["a wrong type", { ...chat, temperature: "hot" }, 400, "temperature"],
    ["a wrong message", { ...chat, messages: [{ role: 5 }] }, 400, "messages[0].role"],
    ["negative max_tokens", { ...chat, max_tokens: -2 }, 400, "max_tokens"],
    ["fractional max_tokens", { ...chat, max_tokens: 0.5 }, 400, "max_tokens"],
    [
      "infinite max_tokens",
      JSON.stringify({ ...chat, max_tokens: 1 }).replace(/1}$/, "1e999}"),
      400,
      "max_tokens",
    ],
    ["huge max_tokens", { ...chat, max_tokens: 2 ** 53 }, 400, "max_tokens"],
    ["no max_tokens at all", { ...chat, max_tokens: 0 }, 400, "max_tokens"],
    ["huge n", { ...chat, n: 1e9 }, 400, "n"],
    ["an embedding model", { ...chat, model: "embed-small" }, 400, "model"],
    ["a body beyond the limit", huge, 413, null],
  ])("%s is refused for what it is", async (_name, body, status, param) => {
    const headers = { authorization: `Bearer ${budgetedKey}` };
    const error = await expectError(
      await api.post("/v1/chat/completions", body, { headers }),
      status,
    );
    expect(error).toMatchObject({ type: "invalid_request_error", param });
  });

  test("another content type is a 415", async () => {
    for (const type of ["text/plain", "multipart/form-data; boundary=x", "nonsense"]) {
      const headers = { "content-type": type };
      await expectError(await api.post("/v1/chat/completions", chat, { headers }), 415);
    }
  });

  test("an unknown residency is a 400", async () => {
    const headers = { "x-spillway-residency": "mars" };
    const response = await api.post("/v1/chat/completions", chat, { headers });
    expect(await expectError(response, 400)).toMatchObject({ param: "x-spillway-residency" });
  });
});

describe("keys", () => {
  test.each(["", "Bearer ", "Bearer sk-nonsense", "Basic abc"])(
    "%j is a 401 before the body is read",
    async (authorization) => {
      const response = await api.post("/v1/chat/completions", "{", { headers: { authorization } });
      expect(await expectError(response, 401)).toMatchObject({ code: "invalid_api_key" });
    },
  );

  test("a model that the key may not use does not exist for it", async () => {
    const key = await api.makeKey({ models: ["embed-small"] });
    const headers = { authorization: `Bearer ${key}` };
    const response = await api.post("/v1/chat/completions", chat, { headers });
    const error = await expectError(response, 404);
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    const unknown = await api.post("/v1/chat/completions", { ...chat, model: "x" }, { headers });
    expect((await expectError(unknown, 404)).message).toBe(
      error.message.replace("chat-small", "x"),
    );
  });
});

describe("budget", () => {
  test("that does not cover the worst case is a 402 which says what is left", async () => {
    const key = await api.makeKey({ budget: { limit_usd: "0.0005", period: "day" } });
    const headers = { authorization: `Bearer ${key}` };
    const response = await api.post(
      "/v1/chat/completions",
      { ...chat, max_tokens: 1_000 },
      { headers },
    );
    const error = await expectError(response, 402);
    expect(error).toMatchObject({ code: "insufficient_quota", type: "insufficient_quota" });
    expect(error.message).toMatch(
      /\$0\.0005 of \$0\.0005 left.* may cost \$0\.0006\d+\. It would fit .* It resets at 20\d\d-\d\d-\d\dT00:00:00\.000Z\./,
    );
  });

  const codex = {
    originator: "codex_exec",
    "user-agent": "codex_exec/0.171.0 (Debian 12.0.0; x86_64) unknown",
    accept: "text/event-stream",
  };

  test("is told to Codex CLI inside a stream, since it tries a 402 five times", async () => {
    const key = await api.makeKey({ budget: { limit_usd: "0.0005", period: "day" } });
    const headers = { authorization: `Bearer ${key}`, ...codex };
    const body = { model: "chat-small", input: "Hi", max_output_tokens: 1_000, stream: true };
    const answer = await api.post("/v1/responses", body, { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = (await answer.text())
      .split("\n")
      .filter((line) => line.startsWith("data: "))
      .map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
    const message = expect.stringMatching(
      /\$0\.0005 of \$0\.0005 left.* It would fit with/,
    ) as string;
    expect(events).toMatchObject([
      { type: "response.created", response: { status: "queued", model: "chat-small" } },
      { type: "error", error: { code: "insufficient_quota", message } },
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "invalid_prompt", message } },
      },
    ]);
    expect(await api.jobRows()).toEqual([]);
  });

  test.each([
    ["another client", { accept: "text/event-stream", "user-agent": "OpenAI/JS 7.57.0" }, {}, 402],
    ["Codex CLI without a stream", { ...codex, accept: "*/*" }, {}, 402],
    ["Codex CLI's faulty request", codex, { input: [{ type: 7 }] }, 400],
  ])("is told by its status: %s", async (_who, headers, fields, status) => {
    const key = await api.makeKey({ budget: { limit_usd: "0.0005", period: "day" } });
    const body = { model: "chat-small", input: "Hi", max_output_tokens: 1_000, ...fields };
    const asked = { headers: { authorization: `Bearer ${key}`, ...headers } };
    await expectError(await api.post("/v1/responses", body, asked), status);
  });

  test("refuses images of unknown cost", async () => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
    const body = { ...chat, messages: [{ role: "user", content: [image] }] };
    const headers = { authorization: `Bearer ${budgetedKey}` };
    const response = await api.post("/v1/chat/completions", body, { headers });
    expect(await expectError(response, 400)).toMatchObject({ param: "messages" });
  });
});

describe("capacity", () => {
  test("a job that must stay local and has no local provider is a 503", async () => {
    const headers = { "x-spillway-residency": "local" };
    const body = { ...chat, model: "cloud-only" };
    const response = await api.post("/v1/chat/completions", body, { headers });
    expect(await expectError(response, 503)).toMatchObject({ code: "no_capacity" });
  });

  test("an impatient route with nothing up is a 503 that may be tried again", async () => {
    api.providerStates.setUp("gpu-a", false);
    const response = await api.post("/v1/chat/completions", { ...chat, model: "impatient" });
    api.providerStates.setUp("gpu-a", true);
    expect(response.headers.get("x-should-retry")).toBeNull();
    expect(await expectError(response, 503)).toMatchObject({ code: "no_capacity" });
  });
});

describe("paths and methods", () => {
  test("an unknown path is a 404", async () => {
    for (const path of ["/nothing", "/v1/nothing", "/v1/chat/x"])
      expect(await expectError(await ask(path), 404)).toMatchObject({ code: "not_found" });
  });

  test("a known path with another method is a 405 that names the right ones", async () => {
    for (const [path, method, allow] of [
      ["/v1/chat/completions?x=1", "PUT", "GET, HEAD, POST"],
      ["/v1/completions", "GET", "POST"],
      ["/v1/models", "DELETE", "GET, HEAD"],
      ["/v1/models/vendor/base-7b", "PUT", "GET, HEAD"],
    ] as const) {
      const response = await ask(path, method);
      expect(response.headers.get("allow")).toBe(allow);
      expect(await expectError(response, 405)).toMatchObject({ code: "method_not_allowed" });
    }
  });

  test("a path with broken escapes is a 400", async () => {
    await expectError(await ask("/v1/models/%zz"), 400);
  });

  test("what is no HTTP gets an answer, too", async () => {
    const { port } = new URL(api.address);
    const socket = connect(Number(port), "127.0.0.1");
    socket.end("NONSENSE\r\n\r\n");
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/\r\nx-request-id: req_[0-9a-f]{32}\r\n/);
    expect(answer).toContain('"code":"invalid_request"');
  });

  test("an unforeseen error says nothing of itself, but the log does", async () => {
    const { queues } = api;
    const has = queues.has.bind(queues);
    queues.has = () => {
      throw new Error("inner workings");
    };
    const response = await ask("/health/ready");
    queues.has = has;
    const error = await expectError(response, 500);
    expect(error).toMatchObject({ code: "internal_error", message: "The server had an error." });
    const line = api.logged.find(({ msg }) => msg === "request failed");
    expect(JSON.stringify(line)).toContain("inner workings");
  });
});

describe("health", () => {
  test("live and ready are 200 with nothing wrong", async () => {
    for (const path of ["live", "ready"]) {
      const response = await fetch(`${api.address}/health/${path}`);
      expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
    }
  });

  test("ready is a 503 with the reason when the database is gone; jobs are, too", async () => {
    await using lost = await startApi();
    await lost.loseDatabase();
    const response = await fetch(`${lost.address}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: "unavailable",
      reasons: ["database: not reachable"],
    });
    const answer = await lost.post("/v1/chat/completions", chat);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: "unavailable" } });
    await eventually(() =>
      expect(lost.logged.find(({ error }) => error === "unavailable")).toMatchObject({
        cause: expect.stringContaining("ECONNREFUSED") as unknown,
      }),
    );
    expect((await fetch(`${lost.address}/health/live`)).status).toBe(200);
  });
});
