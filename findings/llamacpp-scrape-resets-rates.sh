#!/usr/bin/env bash
# Whoever reads llama.cpp's /metrics sets its rates to 0 for whoever reads them next.
#
# One would guess: a scrape changes nothing, so that two Prometheus servers, or a person with curl
# beside one, see the same.
# Seen, the llama.cpp of xllamacpp 2026.10.11549: `llamacpp:predicted_tokens_seconds` and
# `llamacpp:prompt_tokens_seconds` are averages since the last read of anybody, and 0 right after it.
# The counters stay, but `prompt_tokens_total` leaves out tokens that came from the cache, which the
# answers' `usage.prompt_tokens` has in it.
# So a rate is taken from the difference of `tokens_predicted_total`, never from these gauges.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv && venv/bin/pip install -q xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

cat > check.py <<'PY'
import json, urllib.request
from llamacpp import llamacpp

def get(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(url, data), timeout=60).read().decode()

with llamacpp(slots=1) as url:
    def scrape():
        lines = [line.split() for line in get(url + "/metrics").splitlines() if not line.startswith("#")]
        return {name.removeprefix("llamacpp:"): float(value) for name, value in lines}

    call = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20, "temperature": 0}
    prompts = [json.loads(get(url + "/v1/chat/completions", call))["usage"]["prompt_tokens"] for _ in range(2)]
    first, second = scrape(), scrape()
for name in ["predicted_tokens_seconds", "prompt_tokens_seconds", "tokens_predicted_total", "prompt_tokens_total"]:
    print(f"{name}: {first[name]:g}, read again at once: {second[name]:g}")
print("prompt tokens by the two answers' usage:", sum(prompts))
assert first["predicted_tokens_seconds"] > 0 and first["prompt_tokens_seconds"] > 0
assert second["predicted_tokens_seconds"] == second["prompt_tokens_seconds"] == 0
assert first["tokens_predicted_total"] == second["tokens_predicted_total"] == 40
assert prompts[0] == prompts[1] and first["prompt_tokens_total"] == prompts[0] + 1
PY
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here timeout 120 venv/bin/python check.py 2> log || { tail -n 20 log; exit 1; }
