import { describe, expect, it } from "vitest";
import { callOf, httpUpstream, providerFor, rawUpstream, recordingSink } from "../upstream.ts";

function answer(changes: object = {}): string {
  return JSON.stringify({
    id: "c1",
    choices: [
      { index: 0, message: { role: "assistant", content: "héllo" }, finish_reason: "stop" },
    ],
    usage: { prompt_tokens: 5, completion_tokens: 2 },
    ...changes,
  });
}

async function callWith(
  body: string | Buffer,
  changes: Parameters<typeof callOf>[0] = {},
  headers: Record<string, string> = { "content-type": "application/json" },
) {
  const upstream = await httpUpstream((_request, response) => {
    response.writeHead(200, headers).end(body);
  });
  return await providerFor(upstream.baseUrl).call(callOf(changes), recordingSink());
}

describe("a whole answer", () => {
  it("comes back byte for byte, with usage and output counted", async () => {
    const body = answer({ vendor: { unknown: 1.0 } }).replace('"id"', ' "id" ');
    const outcome = await callWith(body);
    expect(outcome).toMatchObject({
      kind: "ok",
      contentType: "application/json",
      sent: true,
      gotHeaders: true,
      usage: { promptTokens: 5, completionTokens: 2 },
      outputBytes: Buffer.byteLength("héllo"),
    });
    expect(outcome.kind === "ok" && outcome.body?.toString()).toBe(body);
    expect(outcome.ttftMs).toBeGreaterThanOrEqual(0);
  });

  it("is asked for with the caller's body as given, the credential and the request id", async () => {
    const seen: unknown[] = [];
    const upstream = await httpUpstream((request, response, body) => {
      seen.push(request.method, request.url, request.headers, body);
      response.end(answer());
    });
    const body = '{ "x":"\\ud800"}';
    await providerFor(upstream.baseUrl).call(
      callOf({ endpoint: "completions", body, requestId: "job-9.3" }),
      recordingSink(),
    );
    expect(seen).toMatchObject([
      "POST",
      "/v1/completions",
      {
        authorization: "Bearer sk-upstream",
        "content-type": "application/json",
        accept: "text/event-stream, application/json",
        "accept-encoding": "identity",
        "x-client-request-id": "job-9.3",
      },
      '{"model":"m","stream":true,"stream_options":{"include_usage":true}, "x":"\\ud800"}',
    ]);
  });

  it.each([
    ["HTML with status 200", "<html>hello</html>"],
    ["a JSON array", "[]"],
    ["null", "null"],
    ["broken JSON", '{"choices":['],
    ["nothing", ""],
    ["an object without choices", "{}"],
    ["choices that are no objects", '{"choices":[1]}'],
  ])("is malformed when it is %s", async (_name, body) => {
    expect(await callWith(body)).toMatchObject({ kind: "failed", reason: "malformed" });
  });

  it.each(["abort", "error", "Cancelled"])(
    "is cut when a finish reason is %s, with its usage kept",
    async (reason) => {
      const choices = [
        { index: 0, message: { content: "a" }, finish_reason: "stop" },
        { index: 1, message: { content: "b" }, finish_reason: reason },
      ];
      expect(await callWith(answer({ choices }))).toMatchObject({
        kind: "failed",
        reason: "cut",
        outputBytes: 2,
        usage: { promptTokens: 5, completionTokens: 2 },
      });
    },
  );

  it("is cut without any choice", async () => {
    expect(await callWith(answer({ choices: [] }))).toMatchObject({
      kind: "failed",
      reason: "cut",
    });
  });

  it.each([
    "length",
    "tool_calls",
    "STOP",
    "load",
    "made_up",
    "content_filter: X",
    null,
    undefined,
  ])("is complete with the finish reason %s", async (reason) => {
    const choices = [{ index: 0, message: { content: "a" }, finish_reason: reason }];
    expect(await callWith(answer({ choices }))).toMatchObject({ kind: "ok" });
  });

  it("is classified by the error inside it", async () => {
    const error = { message: "boom", code: 503, type: "overloaded" };
    expect(await callWith(JSON.stringify({ error }))).toMatchObject({
      kind: "failed",
      reason: "server_error",
      status: 503,
      error: { message: "boom" },
    });
    expect(await callWith(answer({ error: null }))).toMatchObject({ kind: "ok" });
  });

  it.each([
    ["absent", undefined],
    ["negative", { prompt_tokens: -1, completion_tokens: -2 }],
    ["a word", { prompt_tokens: "few", completion_tokens: "many" }],
  ])("counts usage that is %s as not reported", async (_name, usage) => {
    const outcome = await callWith(answer({ usage }));
    expect(outcome).toMatchObject({ kind: "ok", usage: undefined });
  });

  it("counts everything that the model wrote: reasoning, refusal, tool calls", async () => {
    const message = {
      role: "assistant",
      content: null,
      reasoning_content: "12",
      refusal: "345",
      tool_calls: [{ id: "call", type: "function", function: { name: "6", arguments: "78" } }],
    };
    const choices = [{ index: 0, message, finish_reason: "tool_calls" }];
    expect(await callWith(answer({ choices }))).toMatchObject({ outputBytes: 8 });
  });

  it("takes embeddings with the right count and prompt usage only", async () => {
    const data = [{ embedding: [1, 2] }, { embedding: [0.5, -1] }];
    const body = JSON.stringify({ data, usage: { prompt_tokens: 4, total_tokens: 4 } });
    const endpoint = "embeddings";
    expect(await callWith(body, { endpoint, choices: 2 })).toMatchObject({
      kind: "ok",
      usage: { promptTokens: 4, completionTokens: 0 },
      outputBytes: 0,
    });
    const short = await callWith(body, { endpoint, choices: 3 });
    expect(short).toMatchObject({ kind: "failed", reason: "malformed" });
  });

  it.each([true, false])(
    "is malformed beyond the cap, and the socket is closed (announced: %s)",
    async (announced) => {
      const upstream = await httpUpstream((_request, response) => {
        if (announced) response.setHeader("content-length", 1e9);
        response.write(`{"x":"${"a".repeat(5000)}`);
      });
      const provider = providerFor(upstream.baseUrl, {}, { answerBytes: 4096 });
      const outcome = await provider.call(callOf(), recordingSink());
      expect(outcome).toMatchObject({
        kind: "failed",
        reason: "malformed",
        outputBytes: 5006,
      });
      await upstream.allClosed();
    },
  );

  it("is cut when the connection ends before it does; what came bounds the output", async () => {
    const upstream = await rawUpstream((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"choices":[');
    });
    const outcome = await providerFor(upstream.baseUrl).call(callOf(), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "cut", sent: true, outputBytes: 12 });
  });

  it("is malformed when it is not HTTP", async () => {
    const upstream = await rawUpstream((socket) => socket.end("SSH-2.0-OpenSSH\r\n"));
    const outcome = await providerFor(upstream.baseUrl).call(callOf(), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "malformed", gotHeaders: false });
  });

  it("follows no redirect", async () => {
    let calls = 0;
    const upstream = await httpUpstream((_request, response) => {
      calls += 1;
      response.writeHead(307, { location: "/v1/elsewhere" }).end();
    });
    const outcome = await providerFor(upstream.baseUrl).call(callOf(), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "not_found", status: 307 });
    expect(calls).toBe(1);
  });
});
