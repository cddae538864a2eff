import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await startApi({ timings: { heartbeatMs: 20 } });
});
afterAll(() => api[Symbol.asyncDispose]());

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };

async function errorAt(method: string, path: string) {
  const response = await fetch(api.address + path, { method });
  const { error } = (await response.json()) as { error: { message: string; code: string } };
  return { status: response.status, headers: response.headers, ...error };
}

describe("a base URL", () => {
  test.each(["/v1/", "", "/", "//v1//", "/v1/v1"])("may be written as %j", async (base) => {
    const client = new OpenAI({ apiKey: await api.makeKey(), baseURL: api.address + base });
    expect((await client.models.list()).data).toHaveLength(6);
    const answer = client.chat.completions.create({
      model: "chat-free",
      messages: [{ role: "user", content: "Hi" }],
    });
    await (await api.worker.take("gpu-a")).answer({ choices: [] });
    expect(await answer).toMatchObject({ choices: [] });
  });

  test("is told to people, with the document and the health", async () => {
    for (const path of ["/", "/v1", "/v1/"]) {
      const response = await fetch(api.address + path);
      expect([response.status, await response.text()]).toEqual([
        200,
        expect.stringContaining("/v1"),
      ]);
    }
    const document = await fetch(`${api.address}/docs`);
    expect(await document.json()).toMatchObject({ openapi: "3.1.0", paths: expect.any(Object) });
    expect((await fetch(`${api.address}/health/`)).status).toBe(200);
    expect((await fetch(`${api.address}/health`, { method: "HEAD" })).status).toBe(200);
  });
});

describe("what is not there", () => {
  test("is named with its method", async () => {
    const unknown = await errorAt("POST", "/v2/chat?key=secret");
    expect(unknown).toMatchObject({ status: 404, code: "not_found" });
    expect(unknown.message).toContain("POST /v2/chat.");
    expect(unknown.message).toContain("ends with /v1");
    const wrong = await errorAt("PUT", "/v1/chat/completions");
    expect(wrong).toMatchObject({ status: 405, code: "method_not_allowed" });
    expect(wrong.message).toContain("/v1/chat/completions does not take PUT");
    expect(wrong.headers.get("allow")).toContain("POST");
  });

  test.each([
    ["POST", "/v1/images/generations", /provider/],
    ["POST", "/v1/audio/speech", /provider/],
    ["POST", "/v1/moderations", /provider/],
    ["POST", "/v1/assistants", /previous_response_id/],
    ["GET", "/threads/t_1", /previous_response_id/],
    ["POST", "/v1/fine_tuning/jobs", /embeddings/],
    ["POST", "/v1/vector_stores", /embeddings/],
    ["POST", "/v1/messages?beta=true", /chat\/completions/],
    ["POST", "/api/chat", /OpenAI API/],
  ])("has an advice: %s %s", async (method, path, advice) => {
    const refused = await errorAt(method, path);
    expect(refused).toMatchObject({ status: 404, code: "unsupported_endpoint" });
    expect(refused.message).toMatch(advice);
    expect(refused.headers.get("x-should-retry")).toBe("false");
  });

  test.each([
    ["POST", "/v1/images/generations", "{broken", 404],
    ["POST", "/v1/images/edits", "x".repeat(3_000_000), 404],
    ["DELETE", "/v1/models/m", "", 405],
    ["PUT", "/v1/chat/completions", "{broken", 405],
  ])("is told whatever the body: %s %s", async (method, path, body, status) => {
    const headers = {
      authorization: `Bearer ${await api.makeKey()}`,
      "content-type": "application/json",
      origin: "https://chat.example.com",
    };
    const response = await fetch(api.address + path, { method, body, headers });
    expect(response.status).toBe(status);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("x-request-id")).toBeTruthy();
  });

  test("is no bad query either", async () => {
    for (const query of ["batch_id=%00", "model=%00", "after=%00"]) {
      const response = await api.get(`/v1/jobs?${query}`);
      expect([query, response.status]).toEqual([query, 400]);
    }
  });
});

describe("web pages", () => {
  const origin = "https://chat.example.com";
  const asked = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
  };

  test.each(["/v1/chat/completions", "/v1/files/file-1", "/admin/keys", "/v1/nonesuch", "/models"])(
    "may ask before they call %s",
    async (path) => {
      const response = await fetch(api.address + path, { method: "OPTIONS", headers: asked });
      expect([response.status, await response.text()]).toEqual([204, ""]);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "access-control-allow-origin": "*",
        "access-control-allow-headers": asked["access-control-request-headers"],
        "access-control-allow-methods": expect.stringContaining("DELETE"),
        "access-control-max-age": "7200",
      });
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    },
  );

  test("read answers, streams, errors and the broker's headers", async () => {
    const headers = { origin };
    const answer = api.post("/v1/chat/completions", { ...chat, stream: true }, { headers });
    const job = await api.worker.take("gpu-a");
    await job.head();
    await job.settle("done", { tail: "data: [DONE]\n\n" });
    const wrong = await fetch(`${api.address}/v1/models`, { headers });
    expect([wrong.status, (await answer).status]).toEqual([401, 200]);
    for (const response of [await answer, wrong]) {
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      expect(response.headers.get("access-control-expose-headers")).toContain("x-spillway-job-id");
    }
  });

  test("of other origins than those that are named may not", async () => {
    await using strict = await startApi({ server: { corsOrigins: [origin] } });
    const preflight = (from: string) =>
      fetch(`${strict.address}/v1/models`, {
        method: "OPTIONS",
        headers: { ...asked, origin: from },
      });
    const allowed = await preflight(origin);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
    expect(allowed.headers.get("vary")).toContain("Origin");
    const refused = await preflight("https://evil.example.com");
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();
    expect([allowed.status, refused.status]).toEqual([204, 405]);
  });
});

test("a chat stream is what Python reads", async () => {
  const answer = api.post("/v1/chat/completions", { ...chat, stream: true });
  const job = await api.worker.take("gpu-a");
  await job.head();
  const content = "a\u0085b\u2028c\u2029d";
  const chunk = JSON.stringify({ choices: [{ index: 0, delta: { content } }] });
  // No client could use this id, so the broker leaves it out.
  await job.chunk(`event: message\nid: 1\ndata: ${chunk}\n\n`);
  await job.settle("done", { tail: `data: ${chunk}\n\ndata: [DONE]\n\n` });
  const text = await (await answer).text();
  expect(text).not.toMatch(/[\u0085\u2028\u2029]|^id/m);
  const data = text
    .split("\n")
    .flatMap((line) => (line.startsWith("data: {") ? line.slice(6) : []));
  expect(data.map((each) => JSON.parse(each) as unknown)).toEqual([
    JSON.parse(chunk),
    JSON.parse(chunk),
  ]);
});

test("a heartbeat is a comment alone where events have ids", async () => {
  const accepted = await api.post("/v1/chat/completions", chat, {
    headers: { prefer: "respond-async" },
  });
  const { id } = (await accepted.json()) as { id: string };
  const events = await api.get(`/v1/jobs/${id}/events`);
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("keep-alive")) text += (await reader?.read())?.value ?? expect.fail(text);
  await reader?.cancel();
  expect(text).toContain("\n\n: keep-alive\n");
  expect(text).not.toContain(": keep-alive\n\n");
});
