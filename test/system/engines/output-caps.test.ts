import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { playedLlamacpp, playedOllama, playedVllm } from "../../support/played-engine.ts";
import {
  completeChat,
  refuse,
  startPlayedServer,
  type PlayedServer,
} from "../../support/played-server.ts";

interface Row {
  readonly provider: string;
  readonly status: string;
  readonly error_code: string | null;
}

let vllm: PlayedServer;
let plain: PlayedServer;
let llamacpp: PlayedServer;
let ollama: PlayedServer;
let cloud: PlayedServer;
let broker: TestBroker;
let key: string;

beforeAll(async () => {
  vllm = await startPlayedServer(playedVllm);
  plain = await startPlayedServer({});
  llamacpp = await startPlayedServer(playedLlamacpp);
  ollama = await startPlayedServer(playedOllama);
  cloud = await startPlayedServer({});
  const price = { input: 1, output: 1 };
  broker = await startTestBroker({
    providers: {
      vllm: { baseUrl: vllm.url, price },
      free: { baseUrl: vllm.url },
      plain: { baseUrl: plain.url, price },
      llamacpp: { baseUrl: llamacpp.url },
      ollama: { baseUrl: ollama.url },
      cloud: { baseUrl: cloud.url, location: "cloud", price },
    },
    models: [
      "  vllm: { serve: [{ provider: vllm, model: tiny }] }",
      "  free: { serve: [{ provider: free, model: tiny }] }",
      "  free-but-capped: { max_output_tokens: 100, serve: [{ provider: free, model: tiny }] }",
      "  plain: { serve: [{ provider: plain, model: m }] }",
      "  llamacpp: { serve: [{ provider: llamacpp, model: m }] }",
      "  ollama: { serve: [{ provider: ollama, model: tiny }] }",
      "  ollama-lax: { truncation: allow, serve: [{ provider: ollama, model: tiny }] }",
      "  ollama-then-cloud: { serve: [{ provider: ollama, model: tiny }], overflow: [{ provider: cloud, model: m, context_length: 9000 }] }",
      "  embed: { kind: embedding, serve: [{ provider: ollama, model: tiny-bert }] }",
    ].join("\n"),
  });
  ({ key } = await broker.key());
  // The broker detects the engines while it starts, and the start does not wait for this.
  await eventually(async () => {
    const { data } = await broker.admin<{ data: { name: string; engine: string | null }[] }>(
      "GET",
      "/admin/providers",
    );
    const asked = new Set(data.filter(({ engine }) => engine !== null).map(({ name }) => name));
    for (const name of ["vllm", "free", "llamacpp", "ollama"])
      if (!asked.has(name)) throw new Error(`${name} is not known yet`);
  });
  // An API process reads the result with its next query for the fleet's state.
  await eventually(async () => {
    const headers = { authorization: `Bearer ${key}` };
    const models = await (await fetch(`${broker.baseUrl}/models`, { headers })).text();
    const known = models.match(/"context_length":\d/g)?.length ?? 0;
    if (known < 7) throw new Error(`only ${known} contexts are known yet`);
  });
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([vllm, plain, llamacpp, ollama, cloud].map((played) => played.close()));
});
beforeEach(() => {
  for (const played of [vllm, plain, llamacpp, ollama, cloud]) {
    played.calls.splice(0);
    played.answer = (body, response) => completeChat(body, response);
  }
});

async function ask(model: string, fields: object = {}, path = "/chat/completions") {
  const response = await fetch(broker.baseUrl + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model,
      ...(path === "/embeddings" ? {} : { messages: [{ role: "user", content: "Hello" }] }),
      ...fields,
    }),
  });
  const body = (await response.json()) as { error?: { code: string; message: string } };
  const job = response.headers.get("x-spillway-job-id") ?? "";
  return {
    status: response.status,
    body,
    job,
    attempts: response.headers.get("x-spillway-attempts"),
    warning: response.headers.get("x-spillway-warning"),
  };
}

async function rowsOf(job: string): Promise<Row[]> {
  const { data } = await broker.admin<{ data: Row[] }>("GET", `/admin/ledger?job_id=${job}`);
  return data;
}

const capOf = (played: PlayedServer) => played.calls.map(({ body }) => body["max_tokens"]);

describe("the broker's own output cap", () => {
  it("is no more than the context holds, where the engine has told", async () => {
    expect((await ask("vllm")).status).toBe(200);
    expect(capOf(vllm)).toEqual([255]);
    expect(vllm.calls[0]?.headers["x-request-id"]).toMatch(/^job_\w+\.1$/);
  });

  it("is left out where tokens are free, the file names none and the engine stops by itself", async () => {
    await ask("free");
    await ask("free-but-capped");
    await ask("llamacpp");
    await ask("ollama");
    expect(capOf(vllm)).toEqual([undefined, 100]);
    expect(capOf(llamacpp)).toEqual([undefined]);
    // Ollama would run to ten times its context.
    expect(capOf(ollama)).toEqual([511]);
  });

  it("is lowered to what the engine says fits, in an attempt that counts for nothing", async () => {
    plain.answer = (body, response) => {
      if (Number(body["max_tokens"]) <= 2_192) completeChat(body, response);
      else
        refuse(response, 400, {
          message: `${String(body["max_tokens"])} output tokens do not fit: context 8192, input 6000`,
          type: "BadRequestError",
          param: "max_tokens",
          code: 400,
        });
    };
    const { status, job } = await ask("plain");
    expect(status).toBe(200);
    expect(capOf(plain)).toEqual([4_096, 2_192]);
    expect((await rowsOf(job)).map((row) => row.status).toSorted()).toEqual(["failed", "ok"]);
    const { rows } = await broker.database.pool.query<{ tries: number }>(
      "select tries from jobs where id = $1",
      [job],
    );
    expect(rows).toEqual([{ tries: 1 }]);
  });

  it("is tried smaller some times only where an engine is never content", async () => {
    let limit = 4_000;
    plain.answer = (_body, response) => {
      limit -= 100;
      refuse(response, 400, { message: `max_tokens must be at most ${limit}`, code: 400 });
    };
    const { status, body } = await ask("plain");
    expect(status).toBe(400);
    expect(body.error?.message).toMatch(/must be at most/);
    expect(plain.calls).toHaveLength(2);
  });

  it("takes `min_tokens` down with it, which an engine refuses above the cap", async () => {
    expect((await ask("vllm", { min_tokens: 300 })).status).toBe(200);
    expect((await ask("vllm", { min_tokens: 200, max_tokens: 1_000 })).status).toBe(200);
    expect((await ask("vllm", { min_tokens: 400, max_tokens: 1_000 })).status).toBe(200);
    const sent = vllm.calls.map(({ body }) => [body["max_tokens"], body["min_tokens"]]);
    expect(sent).toEqual([
      [255, 255],
      [256, 200],
      [256, 256],
    ]);
  });

  it("does not stand in for a caller's: that one is the engine's to judge, below the context", async () => {
    plain.answer = (_body, response) =>
      refuse(response, 400, { message: "max_tokens must be at most 50", code: 400 });
    expect((await ask("plain", { max_tokens: 60 })).status).toBe(400);
    expect(capOf(plain)).toEqual([60]);
    await ask("vllm", { max_tokens: 1_000 });
    expect(capOf(vllm)).toEqual([256]);
  });
});

describe("a prompt of which Ollama would answer a part only", () => {
  const long = { messages: [{ role: "user", content: "word ".repeat(600) }] };

  it("is refused before it goes out when it certainly does not fit", async () => {
    const { status, body } = await ask("ollama", long);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      code: "context_length_exceeded",
      message: "The prompt has at least 600 tokens, but the model's context is 512.",
    });
    expect(ollama.calls).toEqual([]);
  });

  it("goes to a target with more room", async () => {
    const { status, job } = await ask("ollama-then-cloud", long);
    expect(status).toBe(200);
    expect(cloud.calls).toHaveLength(1);
    expect(await rowsOf(job)).toHaveLength(2);
  });

  it("is found out by its usage: the whole context, or fewer tokens than words", async () => {
    ollama.answer = (body, response) =>
      completeChat(body, response, { prompt_tokens: 512, completion_tokens: 3 });
    const full = await ask("ollama", { messages: [{ role: "user", content: "x".repeat(3_000) }] });
    expect(full).toMatchObject({
      status: 400,
      body: { error: { code: "context_length_exceeded" } },
    });
    ollama.answer = (body, response) =>
      completeChat(body, response, { prompt_tokens: 171, completion_tokens: 3 });
    const dropped = await ask("ollama", {
      messages: [{ role: "user", content: "a b ".repeat(200) }],
    });
    expect(dropped.body.error?.message).toMatch(/the engine kept 171 tokens of it/);
  });

  it("is let be where the route says so", async () => {
    expect(await ask("ollama-lax", long)).toMatchObject({
      status: 200,
      warning: "the prompt may be cut to the model's context",
    });
    // A prompt that certainly fits needs no warning, and an engine that refuses needs none either.
    expect((await ask("ollama-lax")).warning).toBeNull();
    expect((await ask("plain", long)).warning).toBeNull();
  });

  it("shows in the model list as far as the engine was asked, unless the file says", async () => {
    const response = await fetch(`${broker.baseUrl}/models`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const { data } = (await response.json()) as { data: { id: string; context_length: number }[] };
    const lengths = Object.fromEntries(data.map((model) => [model.id, model.context_length]));
    expect(lengths).toMatchObject({
      vllm: 256,
      llamacpp: 512,
      ollama: 512,
      plain: null,
      embed: null,
    });
  });

  it("counts in embeddings as well, by the longest input", async () => {
    ollama.answer = (_body, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const data = [0, 1].map((index) => ({ object: "embedding", index, embedding: [0.5] }));
      response.end(
        JSON.stringify({ object: "list", data, usage: { prompt_tokens: 40, total_tokens: 40 } }),
      );
    };
    const fits = await ask("embed", { input: ["a b", "c"] }, "/embeddings");
    expect(fits.status).toBe(200);
    const cut = await ask("embed", { input: ["a ".repeat(300), "c"] }, "/embeddings");
    expect(cut.status).toBe(400);
  });
});
