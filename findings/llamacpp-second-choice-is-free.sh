#!/usr/bin/env bash
# llama.cpp's second choice is free, and so is its first token where none was asked for.
#
# One would guess: `usage` tells what was generated, for `n: 2` and for a list of two prompts the sum,
# and `max_tokens: 0` generates nothing, or is refused.
# Seen, the llama.cpp of xllamacpp 2026.10.11549: two choices of 4 tokens each are 4 tokens, two
# prompts with 4 tokens each are 4 tokens and the first prompt's length. `max_tokens: 0` gives one
# token, `finish_reason: "length"`. An empty prompt gives `length` after 0 tokens, nothing generated.
# So a bill takes usage times the choices, and 0 is a cap of 1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv && venv/bin/pip install -q xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

cat > check.py <<'PY'
import json, urllib.request
from llamacpp import llamacpp

with llamacpp(slots=2) as url:
    def ask(path, body):
        data = json.dumps({"temperature": 0, **body}).encode()
        answer = json.loads(urllib.request.urlopen(url + path, data, timeout=60).read())
        texts = [choice.get("text") or choice.get("message", {}).get("content", "") for choice in answer["choices"]]
        letters, usage = [len(text) for text in texts], answer["usage"]
        told = [letters, answer["choices"][0]["finish_reason"], usage["prompt_tokens"], usage["completion_tokens"]]
        print(f"{json.dumps(body)}: letters {told[0]}, {told[1]}, usage {told[2]} + {told[3]}")
        return told

    messages = [{"role": "user", "content": "Hello"}]
    [_, _, prompt, _] = ask("/v1/chat/completions", {"messages": messages, "max_tokens": 4})
    seen = [
        ask("/v1/chat/completions", {"messages": messages, "max_tokens": 4, "n": 2}),
        ask("/v1/completions", {"prompt": ["xyz", "stuvwxyz"], "max_tokens": 4}),
        ask("/v1/chat/completions", {"messages": messages, "max_tokens": 0}),
        ask("/v1/completions", {"prompt": "", "max_tokens": 4}),
    ]
assert seen == [
    [[4, 4], "length", prompt, 4],
    [[4, 4], "length", 3, 4],
    [[1], "length", prompt, 1],
    [[0], "length", 0, 0],
]
PY
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here timeout 120 venv/bin/python check.py 2> log || { tail -n 20 log; exit 1; }
