import { describe, expect, it } from "vitest";
import { callOf, httpUpstream, providerFor, recordingSink } from "../upstream.ts";

const base64 = (...floats: readonly number[]) =>
  Buffer.from(Float32Array.from(floats).buffer).toString("base64");

async function embedded(data: unknown, choices = 1, usage: unknown = { prompt_tokens: 4 }) {
  const upstream = await httpUpstream((_request, response) => {
    response.end(JSON.stringify({ object: "list", data, usage }));
  });
  const call = callOf({ endpoint: "embeddings", choices });
  return await providerFor(upstream.baseUrl).call(call, recordingSink());
}

describe("embeddings that are none are malformed, and cost their prompt", () => {
  it.each<[string, unknown, number]>([
    ["null", [{ embedding: null }], 1],
    ["absent", [{}], 1],
    ["empty", [{ embedding: [] }], 1],
    ["nested", [{ embedding: [[1, 2]] }], 1],
    ["texts", [{ embedding: ["1", "2"] }], 1],
    ["NaN as a word", [{ embedding: ["NaN", 1] }], 1],
    ["a hole", [{ embedding: [1, null] }], 1],
    ["of unequal length", [{ embedding: [1, 2] }, { embedding: [1] }], 2],
    ["too few", [{ embedding: [1, 2] }], 2],
    ["too many", [{ embedding: [1] }, { embedding: [1] }], 1],
    ["an object", { 0: { embedding: [1] } }, 1],
    ["items that are none", [null], 1],
    ["base64 of NaN", [{ embedding: base64(Number.NaN, 1) }], 1],
    ["base64 of half a float", [{ embedding: "AAAA" }], 1],
    ["no base64", [{ embedding: "NaN NaN" }], 1],
  ])("%s", async (_what, data, inputs) => {
    const outcome = await embedded(data, inputs);
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "malformed",
      usage: { promptTokens: 4 },
    });
    const unreported = await embedded(data, inputs, null);
    expect(unreported.outputBytes).toBeGreaterThan(0);
  });

  it("base64 that came unasked becomes floats", async () => {
    const outcome = await embedded([{ index: 0, embedding: base64(0.5, -2) }]);
    const body = outcome.kind === "ok" ? (outcome.body?.toString() ?? "") : "";
    expect(JSON.parse(body)).toMatchObject({ data: [{ index: 0, embedding: [0.5, -2] }] });
  });

  it("numbers that JSON cannot say", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.end('{"data":[{"embedding":[1e999,1]}],"usage":{"prompt_tokens":4}}');
    });
    const call = callOf({ endpoint: "embeddings" });
    expect(await providerFor(upstream.baseUrl).call(call, recordingSink())).toMatchObject({
      reason: "malformed",
    });
  });

  it("chunks of a chat", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.end('[{"choices":[{"index":0,"delta":{"content":"Hi"}}]}]');
    });
    const call = callOf({ endpoint: "embeddings" });
    expect(await providerFor(upstream.baseUrl).call(call, recordingSink())).toMatchObject({
      kind: "failed",
      reason: "malformed",
    });
  });
});
