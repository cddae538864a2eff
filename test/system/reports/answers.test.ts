import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contentOf } from "../broker/ask.ts";
import { harmlessErrors, oddBodies, oddStreams, oddUsages } from "./odd-answers.ts";
import { upstreamWords } from "./upstream-words.ts";
import { startReportRig, type ReportRig } from "./report-rig.ts";
import {
  errorAnswer,
  streamAnswer,
  wholeAnswer,
  wholeChoice,
  type ScriptedAnswer,
} from "./scripted-upstream.ts";

let rig: ReportRig;
beforeAll(async () => {
  rig = await startReportRig();
});
afterAll(() => rig.stop());

const TEXT = "Blue herons wade.";
const messages = [{ role: "user", content: "hello" }];

/** The finish reason of these chunks is always a string. */
const textChunk = (delta: object, finish: string) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

async function chat(answer: ScriptedAnswer, stream: boolean) {
  rig.one.play(() => answer);
  const posted = await rig.post("/chat/completions", { model: "m", messages, stream });
  const rows = await rig.ledger(posted.job);
  return { ...posted, content: contentOf({ ...posted, broke: false, tookMs: 0 }), rows };
}

/** Gives the same answer to a stream, to a whole answer and to a response. */
async function inAllWays(answer: ScriptedAnswer) {
  const streamed = await chat(answer, true);
  const gathered = await chat(answer, false);
  const { status, json: response, job } = await rig.post("/responses", { model: "m", input: "x" });
  // An earlier row belongs to the native endpoint, which the upstream turned out to lack.
  const row = (await rig.ledger(job)).at(-1);
  const items = (response["output"] ?? []) as { content: { text: string }[] }[];
  const content = items.flatMap((item) => item.content.map(({ text }) => text)).join("");
  return [streamed, gathered, { status, content, rows: [row] }].map((each) => ({
    status: each.status,
    content: each.content,
    prompt: each.rows[0]?.prompt_tokens,
    completion: each.rows[0]?.completion_tokens,
    row: each.rows[0]?.status,
  }));
}

const right = { status: 200, content: TEXT, prompt: 12, completion: 5, row: "ok" };

describe("one answer in three ways", () => {
  test.each([...oddStreams, ...oddBodies])("%s (K6, K9)", async (_name, answer) => {
    expect(await inAllWays(answer)).toEqual([right, right, right]);
  });

  test("errors that say nothing (K8)", async () => {
    for (const error of harmlessErrors)
      for (const answer of [wholeAnswer({ error }), streamAnswer({ every: { error } })])
        expect({ error, all: await inAllWays(answer) }).toEqual({
          error,
          all: [right, right, right],
        });
  });

  test("usage under every name (K2)", async () => {
    for (const usage of oddUsages) {
      const bare = wholeAnswer({ usage: undefined, ...usage });
      const { chunks } = streamAnswer({ usage: null });
      const reported = chunks.map((chunk) =>
        String(chunk).replace('"stop"}]', `"stop"}],${JSON.stringify(usage).slice(1, -1)}`),
      );
      for (const answer of [bare, { ...streamAnswer(), chunks: reported }])
        expect({ usage, all: await inAllWays(answer) }).toEqual({
          usage,
          all: [right, right, right],
        });
    }
  });

  test("an error of the choice itself is one (K8)", async () => {
    const error = { code: 502, message: "Provider disconnected" };
    const choice = { index: 0, message: { content: TEXT }, finish_reason: "stop", error };
    const all = await inAllWays(wholeAnswer({ choices: [choice] }));
    expect(all.map(({ row }) => row)).toEqual(["failed", "failed", "failed"]);
  });
});

const json = { "content-type": "application/json" };
const whole = wholeAnswer();
const good = streamAnswer();

describe("frames of a stream (K6)", () => {
  test.each<[string, ScriptedAnswer]>([
    ["A11 an event without data first", streamAnswer({ before: "data: \n\n" })],
    ["A11 without a blank after the colon", streamAnswer({ before: "data:\n\n" })],
    ["llama.cpp's null before a list of prompts", streamAnswer({ before: "data: null\n\n" })],
    ["an empty event between comments", streamAnswer({ before: ": hi\n\ndata:\n\n: hi\n\n" })],
    ["A12 a clean end without [DONE]", streamAnswer({ done: false })],
    ["a clean end without [DONE] and usage", streamAnswer({ done: false, usage: null })],
  ])("%s", async (_name, answer) => {
    const { status, content, rows, text } = await chat(answer, true);
    expect({ status, content, states: rows.map((row) => row.status) }).toEqual({
      status: 200,
      content: TEXT,
      states: ["ok"],
    });
    expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
  });
});

describe("finish reasons (K7)", () => {
  test.each<[string, ScriptedAnswer, string]>([
    ["A13 none", wholeChoice(TEXT, null), TEXT],
    ["A14 Ollama's load", wholeChoice("", "load"), ""],
    ...[
      "other",
      "unknown",
      "COMPLETE",
      "prohibited_content",
      "content_filter: X",
      "max_output_tokens",
      "STOP",
      "tool_use_error_free",
    ].map(
      (reason) => [reason, wholeChoice(TEXT, reason), TEXT] as [string, ScriptedAnswer, string],
    ),
  ])("of a whole answer: %s", async (_name, answer, expected) => {
    const { status, content, rows } = await chat(answer, false);
    expect({ status, content }).toEqual({ status: 200, content: expected });
    expect(rows).toMatchObject([{ status: "ok" }]);
  });

  test.each(["abort", "error", "ERROR"])("a bad one is a failure: %s", async (reason) => {
    const { status } = await chat(wholeChoice(TEXT, reason), false);
    expect(status).toBe(502);
  });

  test("A35 the text null in every chunk but the last", async () => {
    const { content, status, rows } = await chat(
      {
        headers: { "content-type": "text/event-stream" },
        chunks: [
          textChunk({ content: "Blue herons " }, "null"),
          textChunk({ content: "wade." }, "null"),
          textChunk({}, "stop"),
          "data: [DONE]\n\n",
        ],
      },
      true,
    );
    expect({ status, content }).toEqual({ status: 200, content: TEXT });
    expect(rows).toMatchObject([{ status: "ok" }]);
  });
});

describe("an error member that says nothing (K8)", () => {
  test.each<[string, ScriptedAnswer, boolean]>([
    [
      "A15 of a whole answer",
      wholeAnswer({ error: { message: "", type: "", param: "", code: null } }),
      false,
    ],
    ["an empty object", wholeAnswer({ error: {} }), false],
    ["code 0 and no message", wholeAnswer({ error: { code: 0, message: "" } }), false],
    [
      "A36 in every chunk",
      streamAnswer({ every: { error: { message: "", type: "", param: "", code: null } } }),
      true,
    ],
  ])("%s", async (_name, answer, stream) => {
    const { status, content } = await chat(answer, stream);
    expect({ status, content }).toEqual({ status: 200, content: TEXT });
  });
});

describe("what the body is, against what its headers say (K9)", () => {
  const body = whole.chunks[0]?.toString() ?? "";
  test.each<[string, ScriptedAnswer, boolean]>([
    ["A16 events labelled as JSON", { ...good, headers: json }, true],
    ["events without a label", { ...good, headers: { "content-type": "" } }, true],
    ["events labelled as text", { ...good, headers: { "content-type": "text/plain" } }, true],
    [
      "A17 gzip",
      { headers: { ...json, "content-encoding": "gzip" }, chunks: [gzipSync(body)] },
      false,
    ],
    [
      "a gzipped stream",
      {
        headers: { "content-type": "text/event-stream", "content-encoding": "gzip" },
        chunks: [gzipSync(good.chunks.join(""))],
      },
      true,
    ],
    ["A18 a whole answer to an asked stream", whole, true],
    ["A37 a stream for a whole answer", good, false],
    ["A38 Identity", { ...whole, headers: { ...json, "content-encoding": "Identity" } }, false],
    ["A38 an empty encoding", { ...whole, headers: { ...json, "content-encoding": "" } }, false],
    ["a label of another kind", { ...whole, headers: { "content-type": "text/html" } }, false],
  ])("%s", async (_name, answer, stream) => {
    const { status, content, rows, headers } = await chat(answer, stream);
    expect({ status, content }).toEqual({ status: 200, content: TEXT });
    expect(rows).toMatchObject([{ status: "ok", prompt_tokens: 12, completion_tokens: 5 }]);
    expect(headers.get("content-type")).toContain(stream ? "event-stream" : "json");
    expect(headers.get("content-encoding")).toBeNull();
  });

  test("a gzipped refusal is read", async () => {
    const { status, text } = await chat(
      {
        status: 400,
        headers: { ...json, "content-encoding": "gzip" },
        chunks: [gzipSync('{"error":{"message":"temperature is wrong","param":"temperature"}}')],
      },
      false,
    );
    expect(status).toBe(400);
    expect(text).toContain("temperature is wrong");
  });
});

describe("the upstream's words (K13)", () => {
  test.each(upstreamWords)("%s", async (_name, said, words, param) => {
    const { status, json: answer } = await chat(errorAnswer(422, said), false);
    expect(status).toBe(400);
    expect(answer["error"]).toMatchObject({ message: expect.stringContaining(words), param });
  });
});

/** An embeddings answer with these vectors. */
const vectors = (...embeddings: unknown[]) => ({
  chunks: [
    JSON.stringify({
      object: "list",
      model: "e",
      data: embeddings.map((embedding, index) => ({ object: "embedding", index, embedding })),
      usage: { prompt_tokens: 2, total_tokens: 2 },
    }),
  ],
});

describe("embeddings that are none (K17)", () => {
  test.each<[string, ScriptedAnswer, string | string[]]>([
    ["A31 null", vectors(null), "a"],
    ["nested", vectors([[0.1, 0.2]]), "a"],
    ["empty", vectors([]), "a"],
    ["texts", vectors(["NaN", "NaN"]), "a"],
    ["nulls in it", vectors([0.1, null]), "a"],
    ["of two lengths", vectors([0.1, 0.2], [0.1]), ["a", "b"]],
    ["one for two", vectors([0.1, 0.2]), ["a", "b"]],
    ["beyond a float", vectors([1e308]), "a"],
    ["sparse", vectors({ indices: [1], values: [0.5] }), "a"],
    ["truths", vectors([true, false]), "a"],
    ["no list", { chunks: ['{"object":"list","data":{"0":{"embedding":[1]}}}'] }, "a"],
    ["absent", { chunks: ['{"object":"list","data":[{"index":0}],"usage":{}}'] }, "a"],
  ])("%s", async (_name, answer, input) => {
    rig.one.play(() => answer);
    const { status, job } = await rig.post("/embeddings", { model: "embed", input });
    expect(status).toBe(502);
    for (const row of await rig.ledger(job)) expect(row.status).toBe("failed");
  });

  test.each<[string, unknown[], number[][]]>([
    ["by their indexes", [1, 0], [[2], [1]]],
    ["by indexes that are texts", ["1", "0"], [[2], [1]]],
    ["by indexes from 1", [1, 2], [[1], [2]]],
    ["as they came, of one index", [0, 0], [[1], [2]]],
    ["as they came, of none", [null, undefined], [[1], [2]]],
  ])("good ones stand in the order of the inputs: %s", async (_name, indexes, expected) => {
    const data = indexes.map((index, at) => ({ object: "embedding", index, embedding: [at + 1] }));
    rig.one.play(() => ({ chunks: [JSON.stringify({ object: "list", model: "e", data })] }));
    const { json: answer } = await rig.post("/embeddings", { model: "embed", input: ["a", "b"] });
    expect(answer["data"]).toMatchObject(
      expected.map((embedding, index) => ({ index, embedding })),
    );
  });
});
