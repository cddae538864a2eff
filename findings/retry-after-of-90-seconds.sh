#!/usr/bin/env bash
# A server that asks for 90 seconds of patience is asked again by openai-node within a second.
#
# One would guess: both official SDKs wait as `retry-after` says, or give up.
# Seen, openai 7.57.0 on Node 24.21.0: told 2 s it waits 2 s; told 90 s it falls back to its own
# back-off and is there again after half a second. Python's openai 3.57.0, told 90 s, waits (here:
# until its patience of 3 s is over), and told 121 s it does not try again at all.
# So a server keeps `retry-after` at 60 s at most, or the longest wait becomes the shortest.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 > /dev/null
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0

cat > server.mjs <<'EOF'
import { createServer } from "node:http";
// /<seconds>/...: always 429 with that `retry-after`; GET tells when the calls came.
const times = new Map();
createServer((request, response) => {
  const seconds = request.url.split("/")[1];
  if (request.method === "GET") return response.end(JSON.stringify(times.get(seconds) ?? []));
  times.set(seconds, [...(times.get(seconds) ?? []), Date.now() / 1000]);
  response.writeHead(429, { "retry-after": seconds, "content-type": "application/json" });
  response.end('{"error":{"message":"later"}}');
}).listen(0, "127.0.0.1", function () {
  console.log(this.address().port);
});
EOF
cat > ask.mjs <<'EOF'
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "k", maxRetries: 1 });
const signal = AbortSignal.timeout(4000);
const body = { model: "m", messages: [{ role: "user", content: "Hello" }] };
await client.chat.completions.create(body, { signal }).catch(() => undefined);
process.exit();
EOF
cat > ask.py <<'EOF'
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="k", max_retries=1)
try:
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])
except openai.RateLimitError:
    print("gave up")
EOF
PATH=$dir/node_modules/.bin:$PATH
node server.mjs > port & server=$!
trap 'kill $server; rm -rf "$dir"' EXIT
until [ -s port ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat port)
gap() { # seconds between the first two calls, or none
  curl -s "$url/$1/" | python3 -c 'import json,sys; t=json.load(sys.stdin); print(round(t[1]-t[0],1) if len(t)>1 else "none")'
}
node ask.mjs "$url/2"
node ask.mjs "$url/90"
node_2=$(gap 2) node_90=$(gap 90)
timeout 3 venv/bin/python ask.py "$url/91" || true
venv/bin/python ask.py "$url/121" > said
python_91=$(gap 91) python_121=$(gap 121)
echo "openai-node: told 2 s came after $node_2 s, told 90 s after $node_90 s"
echo "openai-python: told 91 s: $python_91 within 3 s; told 121 s: $python_121, $(cat said)"
[ "$python_91 $python_121 $(cat said)" = "none none gave up" ]
python3 -c "assert 1.9 <= $node_2 < 4 and $node_90 < 1.9"
