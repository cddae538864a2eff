#!/usr/bin/env bash
# Two choices that are streamed come out of LangChain as one text, word by word in turns.
#
# One would guess: `n: 2`, which its class offers, gives the first choice when streamed, or both
# apart, or an error.
# Seen, @langchain/openai 1.6.0: `index` is not looked at when chunks are put together. Two answers
# give one text that neither of them is, and a finish reason that does not exist, `stopstop`.
# Not streamed, `invoke` gives the first choice, whole. Both choices are paid either way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 @langchain/openai@1.6.0 @langchain/core@1.4.0 > /dev/null

cat > check.mjs <<'JS'
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { ChatOpenAI } from "@langchain/openai";

const base = { id: "c", created: 1, model: "m" };
const answers = ["Yes, do it.", "No, leave it."];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  const asked = JSON.parse(body);
  assert.equal(asked.n, 2);
  if (!asked.stream) {
    const choices = answers.map((content, index) => ({ index, message: { role: "assistant", content }, finish_reason: "stop" }));
    response.setHeader("content-type", "application/json");
    return response.end(JSON.stringify({ ...base, object: "chat.completion", choices }));
  }
  response.setHeader("content-type", "text/event-stream");
  const write = (index, delta, finish_reason = null) =>
    response.write(`data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [{ index, delta, finish_reason }] })}\n\n`);
  for (const index of [0, 1]) write(index, { role: "assistant", content: "" });
  for (const at of [0, 1, 2]) for (const index of [0, 1]) write(index, { content: answers[index].split(/(?<= )/)[at] });
  for (const index of [0, 1]) write(index, {}, "stop");
  response.end("data: [DONE]\n\n");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const configuration = { baseURL: `http://127.0.0.1:${server.address().port}` };
const model = new ChatOpenAI({ model: "m", n: 2, apiKey: "k", maxRetries: 0, configuration });
const invoked = (await model.invoke("Shall I?")).text;
let all;
for await (const piece of await model.stream("Shall I?")) all = all?.concat(piece) ?? piece;
server.close();
console.log("invoked: ", invoked);
console.log("streamed:", all.text, "finish_reason:", all.response_metadata.finish_reason);
assert.equal(invoked, "Yes, do it.");
assert.equal(all.text, "Yes, No, do leave it.it.");
assert.equal(all.response_metadata.finish_reason, "stopstop");
JS
PATH=$dir/node_modules/.bin:$PATH node check.mjs
