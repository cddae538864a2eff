#!/usr/bin/env bash
# A comment ends openai-python's stream once an event of it had an `id:` line.
#
# One would guess: comments of server-sent events, such as `: keep-alive`, are ignored, always.
# Seen, openai 3.57.0 for Python: the empty line after the comment is taken for the end of an event
# as soon as any earlier event had an id (the id is kept from event to event, as it should be, and
# counts as something to dispatch), and its empty data is parsed as JSON: JSONDecodeError. Without
# the id the same stream is read to its end.
# So a proxy that writes heartbeats drops the ids of chat chunks, or writes no empty line after a
# comment.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0

cat > check.py <<'EOF'
import json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from openai import OpenAI

def event(word, finish=None):
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": finish}
    return "data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1,
                                  "model": "m", "choices": [choice]}) + "\n\n"

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        id = "id: 1\n" if self.path.startswith("/with/") else ""
        answer = id + event("one") + ": keep-alive\n\n" + event("two", "stop") + "data: [DONE]\n\n"
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

def read(path):
    client = OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/{path}", api_key="k")
    words = []
    try:
        for chunk in client.chat.completions.create(model="m", messages=[], stream=True):
            words.append(chunk.choices[0].delta.content)
    except Exception as error:
        words.append(type(error).__name__)
    return words

without, with_id = read("without"), read("with")
print("without an id:", without)
print("with an id:   ", with_id)
assert without == ["one", "two"] and with_id == ["one", "JSONDecodeError"]
EOF
venv/bin/python check.py
