import { describe, expect, it } from "vitest";
import type { ProviderOutcome } from "../../../../../shared/contracts/outcome.ts";
import {
  callOf,
  chunk,
  doneEvent,
  httpUpstream,
  providerFor,
  recordingSink,
  sse,
  usageChunk,
} from "../upstream.ts";
import { jobOf } from "../responses/bridge.ts";
import { nativeAnswer } from "./native-answer.ts";
import { eventsOf } from "../responses/read-with-sdk.ts";

const chatAnswer = chunk({ content: "Hello" }) + chunk({}, "stop") + usageChunk + doneEvent;

interface ErrorAnswer {
  readonly status: number;
  readonly body: string;
}

const missing: ErrorAnswer = { status: 404, body: '{"detail":"Not Found"}' };

/** The upstream gives this error at its native endpoint; without one, it serves the endpoint. */
async function providerAt(responses: "native" | "translate" | "auto", error?: ErrorAnswer) {
  const paths: string[] = [];
  const bodies: string[] = [];
  const upstream = await httpUpstream((request, response, body) => {
    const path = request.url ?? "";
    paths.push(path);
    bodies.push(body);
    if (path === "/v1/chat/completions") response.writeHead(200, sse).end(chatAnswer);
    else if (error !== undefined) response.writeHead(error.status).end(error.body);
    else response.writeHead(200, sse).end(nativeAnswer.hello);
  });
  let nowMs = 1_000;
  const provider = providerFor(upstream.baseUrl, { apiKey: undefined, responses }, {}, () => nowMs);
  const ask = async (body: object = { input: "Hi" }): Promise<ProviderOutcome> => {
    const { job } = jobOf(JSON.stringify({ model: "m", ...body }));
    return await provider.call(callOf({ ...job, model: "up" }), recordingSink());
  };
  return { provider, ask, paths, bodies, pass: (ms: number) => (nowMs += ms) };
}

const native = "/v1/responses";
const chat = "/v1/chat/completions";

const used = (completion_tokens: number) => ({ usage: { prompt_tokens: 7, completion_tokens } });

it("a translated answer that breaks off costs what an engine with running usage had told by then", async () => {
  const bodies: string[] = [];
  const upstream = await httpUpstream((_request, response, body) => {
    bodies.push(body);
    const cut = chunk({ content: "He" }, null, used(1)) + chunk({ content: "llo" }, null, used(5));
    response.writeHead(200, sse).end(cut);
  });
  const provider = providerFor(upstream.baseUrl, { engine: "vllm", responses: "translate" });
  const { job } = jobOf('{"model":"m","input":"Hi"}');
  const outcome = await provider.call(callOf({ ...job, model: "up" }), recordingSink());
  expect(JSON.parse(bodies[0] ?? "")).toMatchObject({
    stream_options: { include_usage: true, continuous_usage_stats: true },
  });
  expect(outcome).toMatchObject({ kind: "failed" });
  expect(outcome.usage).toEqual({ promptTokens: 7, completionTokens: 5 });
});

describe("a provider that is asked for a response", () => {
  it("serves it natively or through chat completions, as configured", async () => {
    const one = await providerAt("native");
    expect(await one.ask()).toMatchObject({ kind: "ok", responseStatus: "completed" });
    const other = await providerAt("translate");
    expect(await other.ask()).toMatchObject({ kind: "ok", responseStatus: "completed" });
    expect([one.paths, other.paths]).toEqual([[native], [chat]]);
    expect(JSON.parse(other.bodies[0] ?? "")).toMatchObject({
      model: "up",
      stream: true,
      max_tokens: 1000,
    });
  });

  it.each(["native", "translate"] as const)("by `%s`: numbers go as written", async (responses) => {
    const { provider, bodies } = await providerAt(responses);
    const { job } = jobOf('{"model":"m"}');
    const body = '{"input":"Hi","seed":9223372036854775807}';
    await provider.call(callOf({ ...job, body, model: "up" }), recordingSink());
    expect(bodies[0]).toContain('"seed":9223372036854775807');
  });

  it("streams events up to the last ones, which wait, beside the whole object", async () => {
    const { provider } = await providerAt("translate");
    const { job } = jobOf('{"model":"m","input":"Hi"}');
    const sink = recordingSink();
    const outcome = await provider.call(callOf({ ...job, model: "up" }), sink);
    if (outcome.kind !== "ok") throw new Error(outcome.kind);
    expect(sink.heads()).toBe(1);
    expect(eventsOf(sink.text()).at(-1)?.type).toBe("response.output_text.delta");
    expect(eventsOf(outcome.tail ?? "").at(-1)?.["response"]).toEqual(
      JSON.parse(outcome.body?.toString() ?? ""),
    );
    expect(outcome).toMatchObject({
      contentType: "application/json",
      usage: { promptTokens: 7, completionTokens: 2 },
      sent: true,
    });
  });

  it.each<[string, ErrorAnswer]>([
    ["404 without a body", { status: 404, body: "" }],
    ["404 in FastAPI's words", missing],
    [
      "404 of llama.cpp",
      { status: 404, body: '{"error":{"code":404,"message":"File Not Found"}}' },
    ],
    [
      "404 of an unknown URL",
      {
        status: 404,
        body: '{"error":{"message":"Unknown request URL: POST /v1/responses","code":"unknown_url"}}',
      },
    ],
    ["405", { status: 405, body: "" }],
    ["501", { status: 501, body: "" }],
  ])("by `auto`: is asked through chat completions after a %s", async (_what, error) => {
    const { ask, paths } = await providerAt("auto", error);
    const first = await ask();
    expect(first).toMatchObject({ kind: "failed", reason: "no_endpoint", sent: true });
    expect(await ask()).toMatchObject({ kind: "ok" });
    expect(await ask()).toMatchObject({ kind: "ok" });
    expect(paths).toEqual([native, chat, chat]);
  });

  it("by `auto`: is asked natively again after ten minutes", async () => {
    const { ask, pass, paths } = await providerAt("auto", missing);
    await ask();
    pass(599_999);
    await ask();
    pass(1);
    await ask();
    expect(paths).toEqual([native, chat, native]);
  });

  it.each<[string, ErrorAnswer, string]>([
    [
      "an unknown model",
      { status: 404, body: '{"error":{"message":"The model `m` does not exist.","code":404}}' },
      "not_found",
    ],
    [
      "an unknown model by code",
      { status: 404, body: '{"error":{"message":"?","code":"model_not_found"}}' },
      "not_found",
    ],
    [
      "an unknown item",
      { status: 404, body: `{"error":{"message":"Item with id 'rs_1' not found."}}` },
      "not_found",
    ],
    [
      "a field at fault",
      { status: 404, body: '{"error":{"message":"?","param":"tools"}}' },
      "not_found",
    ],
    ["a bad request", { status: 400, body: '{"error":{"message":"?"}}' }, "bad_request"],
    ["a failure", { status: 500, body: "" }, "server_error"],
  ])("by `auto`: %s says nothing of the endpoint", async (_what, error, reason) => {
    const { ask, paths } = await providerAt("auto", error);
    expect(await ask()).toMatchObject({ kind: "failed", reason });
    await ask();
    expect(paths).toEqual([native, native]);
  });

  it("by `native`: a 404 is one", async () => {
    const { ask, paths } = await providerAt("native", missing);
    expect(await ask()).toMatchObject({ reason: "not_found" });
    await ask();
    expect(paths).toEqual([native, native]);
  });

  it("sends nothing that chat completions cannot express, and names it", async () => {
    const { ask, paths } = await providerAt("translate");
    expect(await ask({ input: "Hi", tools: [{ type: "web_search" }] })).toMatchObject({
      kind: "failed",
      reason: "unsupported",
      sent: false,
      error: { param: "tools[0].type" },
    });
    expect(paths).toEqual([]);
  });
});
