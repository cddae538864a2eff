#!/usr/bin/env bash
# llama.cpp begins the stream of two prompts with `data: null`, and openai-python hands out a None.
#
# One would guess: each event of a stream is a chunk.
# Seen, the llama.cpp of xllamacpp 2026.10.11549 and openai 3.57.0: for a list of prompts the first
# event is `null`. The client gives it to the loop as None, whose `.choices` raises AttributeError in
# every program written by the examples. openai 7.57.0 for Node hands out `null`. One prompt in a
# list streams well.
# So what sits between leaves events out that are no objects.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 > /dev/null
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0 xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

cat > node.mjs <<'JS'
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "k", maxRetries: 0 });
const kinds = [];
const stream = await client.completions.create({ model: "m", prompt: ["a", "b"], max_tokens: 2, stream: true });
for await (const chunk of stream) kinds.push(chunk === null ? "null" : chunk.object);
console.log(kinds.slice(0, 2).join(", "));
JS
cat > check.py <<'PY'
import subprocess
from openai import OpenAI
from llamacpp import llamacpp

with llamacpp(slots=2) as url:
    client = OpenAI(base_url=url + "/v1", api_key="k", max_retries=0)

    def read(prompt):
        chunks = client.completions.create(model="m", prompt=prompt, max_tokens=2, stream=True)
        return [None if chunk is None else chunk.object for chunk in chunks][:2]

    one, two = read(["a"]), read(["a", "b"])
    node = subprocess.check_output(["node", "node.mjs", url + "/v1"], text=True, timeout=60).strip()
print("Python, one prompt: ", one)
print("Python, two prompts:", two)
print("Node, two prompts:  ", node)
assert one == ["text_completion", "text_completion"]
assert two == [None, "text_completion"]
assert node == "null, text_completion"
PY
PATH=$dir/node_modules/.bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here timeout 120 venv/bin/python check.py 2> log || { tail -n 20 log; exit 1; }
