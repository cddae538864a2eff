#!/usr/bin/env bash
# An empty stop word ends every answer of llama.cpp before it begins, as a good one.
#
# One would guess: `"stop": ""`, which forms send whose field was left empty, is refused (SGLang's
# router does), or stands for no stop word, as `null` and `[]` do here too.
# Seen, the llama.cpp of xllamacpp 2026.10.11549: it is found in the first token. 200, empty content,
# `finish_reason: "stop"`, one token paid; `[""]` and a list with another, real word the same.
# So an empty answer with `stop` and one token is to be looked at as a caller's mistake.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv && venv/bin/pip install -q xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

cat > check.py <<'PY'
import json, urllib.request
from llamacpp import llamacpp

call = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, "temperature": 0}
seen = []
with llamacpp(slots=1) as url:
    for stop in [None, [], "", [""], ["ZZ", ""]]:
        body = json.dumps({**call, "stop": stop}).encode()
        answer = json.loads(urllib.request.urlopen(url + "/v1/chat/completions", body, timeout=60).read())
        [choice] = answer["choices"]
        seen.append([len(choice["message"]["content"]), choice["finish_reason"], answer["usage"]["completion_tokens"]])
        print(f"stop {json.dumps(stop)}: {seen[-1][0]} letters, {seen[-1][1]}, {seen[-1][2]} tokens")
assert seen == [[4, "length", 4]] * 2 + [[0, "stop", 1]] * 3
PY
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here timeout 120 venv/bin/python check.py 2> log || { tail -n 20 log; exit 1; }
