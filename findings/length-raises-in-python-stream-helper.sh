#!/usr/bin/env bash
# An answer cut at `max_tokens` is an exception to openai-python's stream helper, for plain text too.
#
# One would guess: `LengthFinishReasonError` is for answers that were to be parsed; without
# `response_format` and tools, `finish_reason: "length"` is one more value to be read.
# Seen, openai 3.57.0 for Python: `client.chat.completions.stream(...)` raises it at the chunk that
# has the finish reason, so the chunk with the usage after it is never read. `create(stream=True)`
# does not raise, and neither does the stream helper of openai 7.57.0 for Node.
# So a cap that a server lowers to fit can turn a short answer into none.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 > /dev/null
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0

cat > node.mjs <<'JS'
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "k", maxRetries: 0 });
const answer = await client.chat.completions.stream({ model: "m", messages: [] }).finalChatCompletion();
const [choice] = answer.choices;
console.log(choice.message.content, choice.finish_reason, answer.usage.total_tokens);
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
        ends = [({"role": "assistant", "content": "Once upon"}, None), ({}, "length")]
        chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in ends]
        chunks.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}})
        for chunk in chunks:
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **chunk}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
client = OpenAI(base_url=url, api_key="k", max_retries=0)

def helped():
    with client.chat.completions.stream(model="m", messages=[]) as stream:
        return stream.get_final_completion().choices[0].finish_reason

def plain():
    chunks = list(client.chat.completions.create(model="m", messages=[], stream=True))
    return [chunks[-2].choices[0].finish_reason, chunks[-1].usage.total_tokens]

def told(ask):
    try:
        return ask()
    except Exception as error:
        return type(error).__name__

seen = [told(helped), told(plain), subprocess.check_output(["node", "node.mjs", url], text=True, timeout=60).strip()]
print("Python, stream helper:      ", seen[0])
print("Python, create(stream=True):", seen[1])
print("Node, stream helper:        ", seen[2])
assert seen == ["LengthFinishReasonError", ["length", 9], "Once upon length 9"]
PY
PATH=$dir/node_modules/.bin:$PATH venv/bin/python check.py
