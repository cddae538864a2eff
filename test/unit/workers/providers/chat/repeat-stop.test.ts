import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startBridge } from "../responses/bridge.ts";
import {
  callOf,
  chunk,
  httpUpstream,
  providerFor,
  rawUpstream,
  recordingSink,
  sse,
  streamUpstream,
} from "../upstream.ts";

// Ollama 0.17.4 ends an answer that says one token 31 times in a row with a normal end, and does
// not say why (llm/server.go, "token repeat limit reached").
const recorded = new URL(
  "../../../../fixtures/ollama-0.17.4/chat-stream-repeats.http",
  import.meta.url,
);
const again = (text: string, times: number) => chunk({ content: text }).repeat(times);
const cut = { kind: "failed", reason: "cut" };

test("an answer that Ollama stops for its repetitions is whole, as one that came to its limit", async () => {
  const bytes = await readFile(recorded);
  const upstream = await rawUpstream((socket) => socket.end(bytes));
  const provider = providerFor(upstream.baseUrl);
  const sink = recordingSink();
  const streamed = await provider.call(callOf({ stream: true }), sink);
  expect(streamed).toMatchObject({ kind: "ok", usage: undefined });
  expect(sink.text()).toContain('"content":"l"');
  expect(streamed.kind === "ok" && streamed.tail).toMatch(
    /^data: \{.*"finish_reason":"length".*\}\n\ndata: \[DONE\]\n\n$/,
  );
  const gathered = await provider.call(callOf(), recordingSink());
  const body = gathered.kind === "ok" && JSON.parse(String(gathered.body));
  expect(body).toMatchObject({
    object: "chat.completion",
    choices: [{ finish_reason: "length", message: { content: expect.stringMatching(/l{31}$/) } }],
  });
});

test("a completion and a response, too", async () => {
  const piece = `data: ${JSON.stringify({ choices: [{ index: 0, text: "b", finish_reason: null }] })}\n\n`;
  const upstream = await streamUpstream(piece.repeat(31));
  const call = callOf({ endpoint: "completions", stream: true });
  const completion = await providerFor(upstream.baseUrl).call(call, recordingSink());
  expect(completion).toMatchObject({ kind: "ok" });
  const { baseUrl } = await startBridge(() => again("b", 31), { responses: "translate" });
  const asked = await fetch(`${baseUrl}/responses`, {
    method: "POST",
    body: JSON.stringify({ model: "m", input: "Hi" }),
  });
  expect(await asked.json()).toMatchObject({
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
    output: [{ content: [{ text: "b".repeat(31) }] }],
  });
});

test.each([
  ["white space", again("\n", 30), "ok"],
  ["thoughts", chunk({ reasoning: "hm " }).repeat(31), "ok"],
  ["fewer", again("b", 29), "failed"],
  ["others after them", again("b", 40) + chunk({ content: "c" }), "failed"],
  [
    "an empty piece after them, as of a runner that was killed",
    again("b", 40) + again("", 1),
    "failed",
  ],
  ["pieces of nothing", chunk({ role: "assistant" }).repeat(40), "failed"],
])("ends in order after %s", async (_what, events, kind) => {
  const { baseUrl } = await streamUpstream(events);
  const outcome = await providerFor(baseUrl).call(callOf({ stream: true }), recordingSink());
  expect(outcome).toMatchObject(kind === "ok" ? { kind } : cut);
});

test("a connection that breaks is cut, whatever was said", async () => {
  const { baseUrl } = await httpUpstream((_request, response) => {
    response.writeHead(200, sse);
    response.write(again("b", 40), () => response.destroy());
  });
  const outcome = await providerFor(baseUrl).call(callOf({ stream: true }), recordingSink());
  expect(outcome).toMatchObject(cut);
});
