#!/usr/bin/env bash
# A responses stream that ends with `response.failed` is a good, short answer to LangChain.
#
# One would guess: the client raises, as it does for an error event, since OpenAI documents
# `response.failed` as one of the three ends of a response.
# Seen, @langchain/openai 1.6.0: the loop over the stream ends without an error, with the text so
# far; what uses it, such as a node of n8n, shows a success. The openai package 7.57.0 itself hands
# the event over and raises nothing either; only an `error` event makes both raise.
# So a server that cannot finish a response sends `error` before `response.failed`.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 @langchain/openai@1.6.0 @langchain/core@1.4.0 > /dev/null

cat > check.mjs <<'EOF'
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { ChatOpenAI } from "@langchain/openai";
const error = { code: "server_error", message: "The engine broke." };
const base = { id: "resp_1", object: "response", created_at: 1, model: "m", output: [], tools: [] };
const item = { id: "msg_1", type: "message", role: "assistant", status: "in_progress", content: [] };
const part = { type: "output_text", text: "", annotations: [] };
const at = { output_index: 0, item_id: "msg_1", content_index: 0 };
const events = (withError) => [
  { type: "response.created", response: { ...base, status: "in_progress" } },
  { type: "response.output_item.added", output_index: 0, item },
  { type: "response.content_part.added", ...at, part },
  { type: "response.output_text.delta", ...at, delta: "Transfer the money only if" },
  ...(withError ? [{ type: "error", ...error, param: null, error }] : []),
  { type: "response.failed", response: { ...base, status: "failed", error } },
];
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const [at, event] of events(request.url.startsWith("/error")).entries())
    response.write(`event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: at })}\n\n`);
  response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
async function read(path) {
  const baseURL = `http://127.0.0.1:${server.address().port}/${path}`;
  const model = new ChatOpenAI({ model: "m", apiKey: "k", useResponsesApi: true, maxRetries: 0, configuration: { baseURL } });
  let text = "";
  try {
    for await (const chunk of await model.stream("Hello")) text += chunk.text;
    return `no error, "${text}"`;
  } catch (error) {
    return `raises ${error.message}`;
  }
}
const failed = await read("failed");
const told = await read("error");
console.log(`response.failed alone:       ${failed}`);
console.log(`error, then response.failed: ${told}`);
server.close();
assert.equal(failed, 'no error, "Transfer the money only if"');
assert.match(told, /^raises .*The engine broke/);
EOF
PATH=$dir/node_modules/.bin:$PATH node check.mjs
