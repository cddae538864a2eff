import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReportRig, type ReportRig } from "./report-rig.ts";
import { streamAnswer, wholeAnswer, type ScriptedAnswer } from "./scripted-upstream.ts";

let rig: ReportRig;
beforeAll(async () => {
  rig = await startReportRig();
});
afterAll(() => rig.stop());

const messages = [{ role: "user", content: "hello" }];
const zero = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

async function row(answer: ScriptedAnswer, stream: boolean, fields: object = {}) {
  rig.one.play(() => answer);
  const posted = await rig.post("/chat/completions", { model: "m", messages, stream, ...fields });
  const rows = await rig.ledger(posted.job);
  const [first] = rows;
  if (rows.length !== 1 || first === undefined) throw new Error(`${rows.length} ledger rows`);
  return { ...first, cost: Number(first.cost_nanos), overrun: Number(first.overrun_nanos) };
}

describe("usage that is too small to be true (K2)", () => {
  test.each<[string, ScriptedAnswer, boolean]>([
    ["A4 zeros of a whole answer", wholeAnswer({ usage: zero }), false],
    ["A4 zeros of a stream", streamAnswer({ usage: zero }), true],
    ["null", wholeAnswer({ usage: null }), false],
    ["none in a stream", streamAnswer({ usage: null }), true],
    ["texts", wholeAnswer({ usage: { prompt_tokens: "many", completion_tokens: "few" } }), false],
    ["negative", wholeAnswer({ usage: { prompt_tokens: -1, completion_tokens: -1 } }), false],
  ])("%s: estimated and marked", async (_name, answer, stream) => {
    const found = await row(answer, stream);
    expect(found.estimated).toBe(true);
    expect(found.prompt_tokens).toBeGreaterThan(0);
    expect(found.completion_tokens).toBeGreaterThan(0);
    expect(found.cost).toBeGreaterThan(0);
  });

  test("A5 usage of the first chunk does not stand for 200 more", async () => {
    const deltas = Array.from({ length: 200 }, () => ({ content: "word " }));
    const answer = streamAnswer({ deltas, usage: null });
    const first = String(answer.chunks[0]).replace(
      '"model":"m"',
      '"model":"m","usage":{"prompt_tokens":12,"completion_tokens":0}',
    );
    const found = await row({ ...answer, chunks: [first, ...answer.chunks.slice(1)] }, true);
    expect(found.completion_tokens).toBeGreaterThanOrEqual(200);
    expect(found.prompt_tokens).toBeGreaterThanOrEqual(12);
    expect(found.estimated).toBe(true);
  });

  test("A6 reasoning that only the total counts", async () => {
    const usage = {
      prompt_tokens: 12,
      completion_tokens: 5,
      total_tokens: 1017,
      completion_tokens_details: { reasoning_tokens: 1000 },
    };
    for (const stream of [false, true]) {
      const answer = stream ? streamAnswer({ usage }) : wholeAnswer({ usage });
      expect(await row(answer, stream)).toMatchObject({
        prompt_tokens: 12,
        completion_tokens: 1005,
      });
    }
  });

  test("a later zero does not replace an earlier count", async () => {
    const answer = streamAnswer();
    const chunks = [...answer.chunks];
    const usageChunk = String(chunks.at(-2));
    chunks.splice(
      -1,
      0,
      usageChunk.replace(/"usage":\{[^}]*\}/, `"usage":${JSON.stringify(zero)}`),
    );
    const found = await row({ ...answer, chunks }, true);
    expect(found.prompt_tokens).toBeGreaterThanOrEqual(12);
    expect(found.completion_tokens).toBeGreaterThanOrEqual(5);
  });
});

describe("usage that contradicts itself (K2)", () => {
  test("of several reports the largest counts, and is marked", async () => {
    const { chunks } = streamAnswer({ usage: { prompt_tokens: 12, completion_tokens: 500 } });
    const last = String(streamAnswer().chunks.at(-2));
    const answer = {
      ...streamAnswer(),
      chunks: [...chunks.slice(0, -1), last, "data: [DONE]\n\n"],
    };
    expect(await row(answer, true)).toMatchObject({ completion_tokens: 500, estimated: true });
  });

  test.each<[string, object, object]>([
    [
      "a word beside a count",
      { prompt_tokens: 40_000, completion_tokens: "n/a" },
      { prompt_tokens: 40_000 },
    ],
    [
      "a negative beside a count",
      { prompt_tokens: -1, completion_tokens: 900 },
      { completion_tokens: 900 },
    ],
  ])("%s: what can be read is the least", async (_name, usage, least) => {
    for (const stream of [false, true]) {
      const answer = stream ? streamAnswer({ usage }) : wholeAnswer({ usage });
      expect(await row(answer, stream)).toMatchObject({ ...least, estimated: true });
    }
  });
});

describe("usage beyond what is believed (K2)", () => {
  test.each([false, true])("A33 is an overrun, never below the hold: stream %s", async (stream) => {
    const usage = { prompt_tokens: 40_000, completion_tokens: 200, total_tokens: 40_200 };
    const answer = stream ? streamAnswer({ usage }) : wholeAnswer({ usage });
    const { cost, overrun } = await row(answer, stream, { max_tokens: 300 });
    // The upstream reported 40,000 × 0.1 + 200 × 0.2 USD per million.
    expect(cost + overrun).toBeGreaterThanOrEqual(4_040_000);
  });
});
