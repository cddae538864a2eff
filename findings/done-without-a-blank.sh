#!/usr/bin/env bash
# `data:[DONE]`, without a blank, ends huggingface_hub's chat stream with a JSON error.
#
# One would guess: the blank after the colon, which server-sent events leave to the server, may be
# left out throughout, or nowhere.
# Seen, huggingface_hub 2.4.0: chunks without it are read, the last line is not recognised, and
# `[DONE]` is parsed as JSON, so that a whole answer ends with JSONDecodeError. openai 3.57.0 reads
# the same bytes to their end.
# So a server writes `data: ` with its blank even where the format does not ask for it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0 huggingface_hub==2.4.0

cat > check.py <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from huggingface_hub import InferenceClient
from openai import OpenAI

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        data = "data:" if self.path.startswith("/tight/") else "data: "
        for word, finish in [("one ", None), ("two", "stop")]:
            choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": finish}
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
            self.wfile.write(f"{data}{json.dumps(chunk)}\n\n".encode())
        self.wfile.write(f"{data}[DONE]\n\n".encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

def read(stream):
    text = ""
    try:
        for chunk in stream:
            text += chunk.choices[0].delta.content
    except Exception as error:
        text += f", then {type(error).__name__}"
    return text

def ask(path):
    url = f"http://127.0.0.1:{server.server_port}/{path}/v1"
    hub = InferenceClient(base_url=url, api_key="k")
    official = OpenAI(base_url=url, api_key="k", max_retries=0)
    return [
        read(hub.chat_completion([{"role": "user", "content": "Hello"}], stream=True)),
        read(official.chat.completions.create(model="m", messages=[], stream=True)),
    ]

wide, tight = ask("wide"), ask("tight")
print("with the blank:    huggingface_hub: %s; openai: %s" % tuple(wide))
print("without the blank: huggingface_hub: %s; openai: %s" % tuple(tight))
assert wide == ["one two", "one two"]
assert tight == ["one two, then JSONDecodeError", "one two"]
PY
venv/bin/python check.py
