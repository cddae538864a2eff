#!/usr/bin/env bash
# `data: [DONE]` means nothing to the AI SDK: its answer ends when the connection does.
#
# One would guess: `[DONE]` is the end, and what a server does with the connection after it, such as
# closing its books, is nobody's concern.
# Seen, ai 7.0.173 with @ai-sdk/openai-compatible 3.0.92: the line is skipped and reading goes on.
# `finishReason` and `usage` come only when the body ends (here 3 s later), and what a server writes
# after `[DONE]` is part of the answer. openai 7.57.0 for Node is done at once, with the text before.
# So a server ends the body right after `[DONE]`, and writes its ledger another time.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 openai@7.57.0 > /dev/null

cat > check.mjs <<'JS'
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import OpenAI from "openai";

const chunk = (content, finish_reason) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`;
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`${chunk("one", "stop")}data: [DONE]\n\n`);
  setTimeout(() => response.end(chunk(" two", null)), 3000);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const baseURL = `http://127.0.0.1:${server.address().port}`;

async function timed(read) {
  const start = Date.now();
  const text = await read();
  return { text, seconds: (Date.now() - start) / 1000 };
}
const official = new OpenAI({ baseURL, apiKey: "k", maxRetries: 0 });
const model = createOpenAICompatible({ baseURL, apiKey: "k", name: "local" })("m");
const openai = await timed(async () => {
  let text = "";
  for await (const { choices } of await official.chat.completions.create({ model: "m", messages: [], stream: true })) text += choices[0].delta.content;
  return text;
});
const ai = await timed(async () => {
  const answer = streamText({ model, prompt: "Hello", maxRetries: 0 });
  await answer.finishReason;
  return answer.text;
});
console.log("openai:", openai);
console.log("AI SDK:", ai);
server.closeAllConnections();
server.close();
assert.equal(openai.text, "one");
assert.ok(openai.seconds < 2.5);
assert.equal(ai.text, "one two");
assert.ok(ai.seconds > 2.9);
JS
PATH=$dir/node_modules/.bin:$PATH node check.mjs
