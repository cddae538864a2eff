#!/usr/bin/env bash
# SGLang's router takes fields out of chat requests, `user` and `priority` among them, without a word.
#
# One would guess: a load balancer passes bodies on as they come.
# Seen, sglang-router 0.3.2: a chat request is read into the router's own schema and written anew.
# What the schema does not know, among it SGLang's own `priority` and OpenAI's `user`, never reaches
# the engine, and defaults are added, `skip_special_tokens` and others; the caller gets 200. The same
# fields of a completions request do arrive.
# So a priority that is set behind a router orders nothing, and whom a call is for is lost.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv && venv/bin/pip install -q sglang-router==0.3.2

cat > check.py <<'PY'
import json, os, socket, subprocess, sys, threading, time, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arrived = []
answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
          "choices": [{"index": 0, "text": "Hi", "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}

class Engine(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply({"model_path": "m", "served_model_name": "m", "is_generation": True, "tp_size": 1, "dp_size": 1})

    def do_POST(self):
        arrived.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.reply(answer)

    def reply(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

engine = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
threading.Thread(target=engine.serve_forever, daemon=True).start()
port = free_port()
options = ["--worker-urls", f"http://127.0.0.1:{engine.server_port}", "--host", "127.0.0.1", "--port", str(port)]
command = [sys.executable, "-m", "sglang_router.launch_router", *options, "--prometheus-port", str(free_port())]
router = subprocess.Popen(command, stdout=open("router.log", "w"), stderr=subprocess.STDOUT)
extra = {"user": "ann", "priority": 5, "temperature": 0.5}

def ask(path, body):
    body = json.dumps({"model": "m", **body, **extra}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/{path}", body, {"content-type": "application/json"})
    for _ in range(120):
        try:
            assert urllib.request.urlopen(request, timeout=30).status == 200
            break
        except OSError:
            time.sleep(0.5)
    return sorted(field for field in extra if field in arrived[-1])

try:
    chat = ask("chat/completions", {"messages": [{"role": "user", "content": "Hello"}]})
    added = sorted(field for field in arrived[-1] if field not in {"model", "messages", *extra})
    completions = ask("completions", {"prompt": "Hello"})
finally:
    router.terminate()
    try:
        router.wait(10)
    except subprocess.TimeoutExpired:
        router.kill()
print("sent:                       ", *sorted(extra))
print("arrived of chat completions:", *chat)
print("  added there:              ", *added)
print("arrived of completions:     ", *completions)
assert chat == ["temperature"]
assert "skip_special_tokens" in added
assert completions == sorted(extra)
PY
timeout 200 venv/bin/python check.py
