#!/usr/bin/env bash
# Ollama stops an answer that says one token 31 times in a row, and tells nobody that it has ended.
#
# One would guess: it goes on to `max_tokens`, as at llama.cpp and vLLM, or ends with a finish reason.
# Seen, Ollama 0.17.4, built from its Go module: the stream ends in order after the 31st, without a
# finish reason, usage or `[DONE]`, so that it looks like a lost one; the same answer in one piece has
# `finish_reason: null` and a usage of 0 tokens, though hundreds may have been generated.
# So whoever takes it for cut and tries again gets the same loop, and pays for each.
#
# Needs Go and a C++ compiler; the build takes some minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv && venv/bin/pip install -q xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6
# A Go module's archive leaves out folders named `vendor`: the headers in Ollama's come from here.
venv/bin/pip download -q --no-deps --no-binary llama-cpp-python llama-cpp-python==0.3.36
tar xzf llama_cpp_python-0.3.36.tar.gz
vendor=$dir/llama_cpp_python-0.3.36/vendor/llama.cpp/vendor
export GOPATH=$dir/go GOCACHE=$dir/cache GOFLAGS=-modcacherw
export CGO_ENABLED=1 CGO_CFLAGS=-O1 CGO_CXXFLAGS="-O1 -I$vendor -I$vendor/stb -I$vendor/miniaudio"
printf 'module finding\n\ngo 1.24.0\n' > go.mod
{ go get github.com/ollama/ollama@v0.17.4 && go build -p 1 -o ollama github.com/ollama/ollama; } > log 2>&1 ||
  { tail -n 20 log; exit 1; }

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here HOME=$dir OLLAMA_MODELS=$dir/models
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export OLLAMA_HOST=127.0.0.1:$port
venv/bin/python -c 'from llamacpp import write_model; write_model("tiny.gguf")'
printf 'FROM %s/tiny.gguf\nPARAMETER num_thread 1\n' "$dir" > Modelfile
timeout 300 ./ollama serve > log 2>&1 &
server=$!
curl -s --retry 30 --retry-connrefused --retry-delay 1 -o version "http://$OLLAMA_HOST/api/version"
./ollama create tiny -f Modelfile > created 2>&1 || { tail -n 5 created; exit 1; }

cat > check.py <<'PY'
import json, os, urllib.request

def ask(content, stream):
    call = {"model": "tiny", "messages": [{"role": "user", "content": content}], "temperature": 0,
            "max_tokens": 300, "stream": stream, "stream_options": {"include_usage": True}}
    url = f"http://{os.environ['OLLAMA_HOST']}/v1/chat/completions"
    return urllib.request.urlopen(url, json.dumps(call).encode(), timeout=120).read().decode()

def stream_of(content):
    lines = [line[6:] for line in ask(content, True).splitlines() if line.startswith("data: ")]
    done = lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1] + ([] if done else lines[-1:])]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    reasons = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    usage = [chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage")]
    return text, [reasons, done, usage]

for content, expected in [("bbbbbb", [["length"], True, [300]]), ("Hello", [[], False, []])]:
    text, seen = stream_of(content)
    run = len(text) - len(text.rstrip(text[-1]))
    print(f"{content}: {len(text)} letters, the last {run} times; finish reasons {seen[0]}, [DONE] {seen[1]}, usage {seen[2]}")
    assert seen == expected and (run == 31) == (content == "Hello"), text
whole = json.loads(ask("Hello", False))
print("in one piece:", whole["choices"][0]["finish_reason"], whole["usage"])
assert whole["choices"][0]["finish_reason"] is None and whole["usage"]["completion_tokens"] == 0
PY
venv/bin/python check.py
