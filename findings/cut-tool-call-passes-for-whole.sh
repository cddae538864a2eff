#!/usr/bin/env bash
# A tool call that `max_tokens` cut in the middle is a valid, other call to LangChain.
#
# One would guess: arguments that are no JSON go to `invalid_tool_calls`, streamed or not.
# Seen, @langchain/openai 1.6.0 with @langchain/core 1.4.0: not streamed they do. Streamed, what
# there is of `{"to":"Ann","amount":2500}` is mended as far as it can be read: cut after `25`, an
# agent is told to pay 25, cut before the number, to pay `{"to":"Ann"}`. Only `finish_reason`, which
# is `length`, tells that it was not the model who said so.
# So an output cap that is lowered on an agent's behalf can change what its tools do.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 @langchain/openai@1.6.0 @langchain/core@1.4.0 > /dev/null

cat > check.mjs <<'JS'
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { ChatOpenAI } from "@langchain/openai";

const told = ['{"to":"Ann",', '"amount":', "25"];
const call = (text) => ({ id: "call_1", type: "function", function: { name: "pay", arguments: text } });
const chunk = (delta, finish_reason = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  const texts = told.slice(0, Number(request.url.split("/")[1]));
  if (!JSON.parse(body).stream) {
    const message = { role: "assistant", content: null, tool_calls: [call(texts.join(""))] };
    response.setHeader("content-type", "application/json");
    return response.end(
      JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: "m", choices: [{ index: 0, message, finish_reason: "length" }] }),
    );
  }
  response.setHeader("content-type", "text/event-stream");
  response.write(chunk({ role: "assistant", content: null, tool_calls: [{ index: 0, ...call("") }] }));
  for (const text of texts) response.write(chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] }));
  response.end(`${chunk({}, "length")}data: [DONE]\n\n`);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

async function ask(parts, streamed) {
  const baseURL = `http://127.0.0.1:${server.address().port}/${parts}`;
  const model = new ChatOpenAI({ model: "m", apiKey: "k", maxRetries: 0, configuration: { baseURL } }).bindTools([
    { type: "function", function: { name: "pay", parameters: { type: "object", properties: {} } } },
  ]);
  let answer;
  if (streamed) for await (const piece of await model.stream("Pay.")) answer = answer?.concat(piece) ?? piece;
  else answer = await model.invoke("Pay.");
  const { tool_calls, invalid_tool_calls, response_metadata } = answer;
  return { calls: tool_calls.map(({ args }) => args), invalid: invalid_tool_calls.length, finish: response_metadata.finish_reason };
}
const whole = await ask(3, false);
const late = await ask(3, true);
const early = await ask(2, true);
server.close();
console.log("not streamed, cut in the number:", JSON.stringify(whole));
console.log("streamed, cut in the number:    ", JSON.stringify(late));
console.log("streamed, cut before the number:", JSON.stringify(early));
assert.deepEqual(whole, { calls: [], invalid: 1, finish: "length" });
assert.deepEqual(late, { calls: [{ to: "Ann", amount: 25 }], invalid: 0, finish: "length" });
assert.deepEqual(early, { calls: [{ to: "Ann" }], invalid: 0, finish: "length" });
JS
PATH=$dir/node_modules/.bin:$PATH node check.mjs
