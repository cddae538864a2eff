#!/usr/bin/env bash
# A tool's name that a server repeats with each piece of its arguments is doubled in Python only.
#
# One would guess: `id` and `name` belong to the head of a call, so that a client either keeps the
# first or replaces it, as OpenAI's own two do alike.
# Seen: openai 3.57.0 for Python glues them as it glues the arguments, `pay` sent twice is the tool
# `paypay` of the call `call_1call_1`, and nothing raises until the tool is looked for. openai 7.57.0
# for Node keeps `pay` and `call_1`.
# So a server sends id and name once, whatever its engine repeats.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 > /dev/null
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0

cat > node.mjs <<'JS'
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "k", maxRetries: 0 });
const tools = [{ type: "function", function: { name: "pay", parameters: { type: "object", properties: {} } } }];
const answer = await client.chat.completions.stream({ model: "m", messages: [], tools }).finalChatCompletion();
const [call] = answer.choices[0].message.tool_calls;
console.log(call.id, call.function.name, call.function.arguments);
JS
cat > check.py <<'PY'
import json, subprocess, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from openai import OpenAI

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for piece in ['{"to":', '"Ann"}']:
            call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "pay", "arguments": piece}}
            self.send({"role": "assistant", "tool_calls": [call]}, None)
        self.send({}, "tool_calls")
        self.wfile.write(b"data: [DONE]\n\n")

    def send(self, delta, finish):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
tools = [{"type": "function", "function": {"name": "pay", "parameters": {"type": "object", "properties": {}}}}]
with OpenAI(base_url=url, api_key="k", max_retries=0).chat.completions.stream(model="m", messages=[], tools=tools) as stream:
    call = stream.get_final_completion().choices[0].message.tool_calls[0]
python = f"{call.id} {call.function.name} {call.function.arguments}"
node = subprocess.check_output(["node", "node.mjs", url], text=True, timeout=60).strip()
print("Python:", python)
print("Node:  ", node)
assert python == 'call_1call_1 paypay {"to":"Ann"}'
assert node == 'call_1 pay {"to":"Ann"}'
PY
PATH=$dir/node_modules/.bin:$PATH venv/bin/python check.py
