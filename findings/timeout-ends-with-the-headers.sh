#!/usr/bin/env bash
# A silent stream never runs into openai-node's `timeout`.
#
# One would guess: `timeout: 1000` is the longest that a client hears nothing, or the longest that a
# call takes; in both cases a stream that stands still for 4 s is given up.
# Seen, openai 7.57.0 on Node 24.21.0: it ends with the headers of a stream. Four silent seconds
# after the first chunk are waited for, and Node's own limit for a body is 300 s. The body of an
# answer that is not streamed does fall under it: spaces every half second, sent to keep the
# connection alive, do not save a call from its time-out after 1 s. openai 3.57.0 for Python has it
# the other way round in both: the silent stream is given up, the spaces keep the call alive.
# So whether heartbeats help, and whether a dead stream ends, is for the server to know.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 > /dev/null
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0

cat > ask.py <<'PY'
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0, timeout=1)
for streamed in [True, False]:
    try:
        answer = client.chat.completions.create(model="m", messages=[], stream=streamed)
        if streamed:
            for _ in answer:
                pass
        print("waits")
    except Exception as error:
        print("gives up" if "timeout" in type(error).__name__.lower() else error)
PY
cat > check.mjs <<'JS'
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { promisify } from "node:util";
import OpenAI from "openai";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const server = createServer(async (request, response) => {
  response.on("error", () => {});
  let body = "";
  for await (const part of request) body += part;
  if (JSON.parse(body).stream) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"id":"c","choices":[]}\n\n');
    await pause(4000);
    return response.end("data: [DONE]\n\n");
  }
  response.writeHead(200, { "content-type": "application/json" });
  for (let beat = 0; beat < 6; beat++) {
    response.write(" ");
    await pause(500);
  }
  response.end('{"id":"c","choices":[]}');
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const baseURL = `http://127.0.0.1:${server.address().port}`;

const client = new OpenAI({ baseURL, apiKey: "k", maxRetries: 0, timeout: 1000 });
const node = [];
for (const stream of [true, false]) {
  try {
    const answer = await client.chat.completions.create({ model: "m", messages: [], stream });
    if (stream) for await (const chunk of answer) void chunk;
    node.push("waits");
  } catch (error) {
    node.push(error instanceof OpenAI.APIConnectionTimeoutError ? "gives up" : error.message);
  }
}
const { stdout } = await promisify(execFile)("venv/bin/python", ["ask.py", baseURL], { timeout: 100_000 });
const python = stdout.trim().split("\n");
server.closeAllConnections();
server.close();
console.log(`silent stream:                 Node ${node[0]}, Python ${python[0]}`);
console.log(`whole answer, slow, with beat: Node ${node[1]}, Python ${python[1]}`);
assert.deepEqual(node, ["waits", "gives up"]);
assert.deepEqual(python, ["gives up", "waits"]);
JS
PATH=$dir/node_modules/.bin:$PATH node check.mjs
