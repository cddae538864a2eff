#!/usr/bin/env bash
# The error event that OpenAI documents for responses raises in openai-node, not in openai-python.
#
# One would guess: both official clients raise at `event: error`, or both hand it over.
# Seen: its documented data is flat (`{"type":"error","code":...,"message":...}`). openai 7.57.0 for
# Node raises APIError; openai 3.57.0 for Python hands it over as one more event, and a loop that
# prints deltas ends like one after a good answer. With a nested `error` object beside the flat
# fields both raise.
# So a server writes the error both ways into one event.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 > /dev/null
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0

cat > node.mjs <<'JS'
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "k", maxRetries: 0 });
const types = [];
try {
  for await (const { type } of await client.responses.create({ model: "m", input: "Hello", stream: true })) types.push(type);
} catch (error) {
  types.push(`raises ${error.constructor.name}`);
}
console.log(types.at(-1));
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
        response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": [], "status": "in_progress"}
        error = {"code": "server_error", "message": "The engine broke.", "param": None}
        nested = {"error": error} if self.path.startswith("/nested/") else {}
        for number, event in enumerate([{"type": "response.created", "response": response}, {"type": "error", **error, **nested}]):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}\n\n".encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

def python(url):
    last = None
    try:
        for event in OpenAI(base_url=url, api_key="k", max_retries=0).responses.create(model="m", input="Hello", stream=True):
            last = event.type
    except Exception as error:
        last = f"raises {type(error).__name__}"
    return last

seen = {}
for shape in ["flat", "nested"]:
    url = f"http://127.0.0.1:{server.server_port}/{shape}"
    node = subprocess.check_output(["node", "node.mjs", url], text=True, timeout=60).strip()
    seen[shape] = [python(url), node]
    print(f"{shape}: Python: {seen[shape][0]}; Node: {node}")
assert seen["flat"] == ["error", "raises APIError"]
assert seen["nested"] == ["raises APIError", "raises APIError"]
PY
PATH=$dir/node_modules/.bin:$PATH venv/bin/python check.py
