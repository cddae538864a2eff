#!/usr/bin/env bash
# A stream of sse-starlette, as it comes, ends xsai's reading with a JSON error.
#
# One would guess: the line ends of server-sent events, CR LF or LF, are all the same to a client.
# Seen, sse-starlette 3.7.0, which ends lines with CR LF unless told otherwise (llama-cpp-python's
# server is built on it), and @xsai/stream-text 0.4.4: the chunks are read, since JSON does not mind
# the CR at their end, but `[DONE]` with one is not the end, it is parsed: SyntaxError once the whole
# answer has come, and words of it that were not read yet are lost. With `sep="\n"` all is well.
# So a server ends its lines with LF alone.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @xsai/stream-text@0.4.4 > /dev/null
python3 -m venv venv && venv/bin/pip install -q sse-starlette==3.7.0 uvicorn==0.54.0

cat > server.py <<'PY'
import json, socket, sys
import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.routing import Route

async def events():
    for word, finish in [("one ", None), ("two", "stop")]:
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": finish}
        yield {"data": json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})}
    yield {"data": "[DONE]"}

async def as_it_comes(_):
    return EventSourceResponse(events())

async def with_lf(_):
    return EventSourceResponse(events(), sep="\n")

app = Starlette(routes=[
    Route("/as-it-comes/chat/completions", as_it_comes, methods=["POST"]),
    Route("/with-lf/chat/completions", with_lf, methods=["POST"]),
])
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
PY
cat > check.mjs <<'JS'
import assert from "node:assert/strict";
import { streamText } from "@xsai/stream-text";
process.on("unhandledRejection", () => {}); // Its other promises fail for the same reason.
async function read(path) {
  const baseURL = `http://127.0.0.1:${process.argv[2]}/${path}/`;
  let text = "";
  try {
    for await (const part of streamText({ model: "m", baseURL, messages: [{ role: "user", content: "Hello" }] }).textStream) text += part;
  } catch (error) {
    text += `, then ${error.name}: ${error.message}`;
  }
  return text;
}
const lf = await read("with-lf");
const crlf = await read("as-it-comes");
console.log("LF:   ", lf);
console.log("CR LF:", JSON.stringify(crlf));
assert.equal(lf, "one two");
assert.match(crlf, /, then SyntaxError: .*DONE/);
process.exit();
JS
timeout 120 venv/bin/python server.py > port & server=$!
trap 'kill $server 2> /dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 600); do [ -s port ] && break; sleep 0.1; done
PATH=$dir/node_modules/.bin:$PATH timeout 60 node check.mjs "$(cat port)"
