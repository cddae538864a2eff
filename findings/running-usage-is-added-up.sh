#!/usr/bin/env bash
# Usage that is told more than once is added up by LangChain for Python and by pydantic-ai.
#
# One would guess: `usage` of a chunk is the total so far (as vLLM means it with
# `continuous_usage_stats`), so that the last one counts.
# Seen, langchain-openai 1.7.4 and pydantic-ai 2.68.0: each is taken for an addition. An answer of 10
# and 2 tokens, whose usage is in the chunk with the finish reason and in the one after it, is one
# of 20 and 4; with running usage on each of four chunks and at the end it is one of 50 and 7.
# @langchain/openai 1.6.0 for JavaScript says 10 and 2, always.
# So a server tells usage once, at the end, whatever its engine does.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 @langchain/openai@1.6.0 @langchain/core@1.4.0 > /dev/null
python3 -m venv venv
venv/bin/pip install -q openai==3.57.0 langchain-openai==1.7.4 langchain-core==1.8.3 'pydantic-ai-slim[openai]==2.68.0'

cat > node.mjs <<'JS'
import { ChatOpenAI } from "@langchain/openai";
const model = new ChatOpenAI({ model: "m", apiKey: "k", maxRetries: 0, configuration: { baseURL: process.argv[2] } });
let all;
for await (const piece of await model.stream("Hello")) all = all?.concat(piece) ?? piece;
console.log(all.usage_metadata.input_tokens, all.usage_metadata.output_tokens);
JS
cat > check.py <<'PY'
import asyncio, json, subprocess, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

def usage(output):
    return {"prompt_tokens": 10, "completion_tokens": output, "total_tokens": 10 + output}

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        when = self.path.split("/")[1]
        for output, text, finish in [(0, "", None), (1, "one ", None), (2, "two", None), (2, "", "stop")]:
            choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
            told = when == "running" or when == "twice" and finish
            self.send({"choices": [choice], **({"usage": usage(output)} if told else {})})
        self.send({"choices": [], "usage": usage(2)})
        self.wfile.write(b"data: [DONE]\n\n")

    def send(self, chunk):
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **chunk}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

def langchain(url):
    total = None
    for piece in ChatOpenAI(model="m", api_key="k", base_url=url, max_retries=0, stream_usage=True).stream("Hello"):
        total = piece if total is None else total + piece
    return [total.usage_metadata["input_tokens"], total.usage_metadata["output_tokens"]]

async def pydantic(url):
    agent = Agent(OpenAIChatModel("m", provider=OpenAIProvider(base_url=url, api_key="k")))
    async with agent.run_stream("Hello") as run:
        await run.get_output()
        told = run.usage() if callable(run.usage) else run.usage
        return [told.input_tokens, told.output_tokens]

seen = {}
for when in ["once", "twice", "running"]:
    url = f"http://127.0.0.1:{server.server_port}/{when}"
    node = subprocess.check_output(["node", "node.mjs", url], text=True, timeout=60)
    seen[when] = [langchain(url), asyncio.run(pydantic(url)), [int(count) for count in node.split()]]
    print(f"told {when}: LangChain {seen[when][0]}, pydantic-ai {seen[when][1]}, LangChain for JavaScript {seen[when][2]}")
right = [10, 2]
assert seen["once"] == [right, right, right]
assert seen["twice"] == [[20, 4], [20, 4], right]
assert seen["running"] == [[50, 7], [50, 7], right]
PY
PATH=$dir/node_modules/.bin:$PATH venv/bin/python -W ignore check.py
