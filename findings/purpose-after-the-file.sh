#!/usr/bin/env bash
# openai-node says what a file is for only after the whole file, openai-python before it.
#
# One would guess: both official clients build the same form for `files.create`, or at least put the
# small field first, so that a server can refuse a purpose before it takes a gigabyte.
# Seen: openai 7.57.0 for Node sends the parts in the order in which the caller wrote them, and
# OpenAI's examples write `file` first; openai 3.57.0 for Python puts fields before files whatever
# the order. With @fastify/multipart 10.1.9, `request.file()` and its `fields`, the usual way, has a
# purpose for Python's upload, and for Node's has none until the file has been read.
# So a server that streams uploads decides about the purpose at the end.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.57.0 fastify@5.12.8 @fastify/multipart@10.1.9 > /dev/null
python3 -m venv venv && venv/bin/pip install -q openai==3.57.0

cat > ask.py <<'PY'
import sys, openai
openai.OpenAI(base_url=sys.argv[1], api_key="k").files.create(file=("in.jsonl", b'{"line":1}\n' * 100_000), purpose="batch")
PY
cat > check.mjs <<'JS'
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import multipart from "@fastify/multipart";
import fastify from "fastify";
import OpenAI, { toFile } from "openai";

const seen = [];
const app = fastify();
await app.register(multipart, { limits: { fileSize: 10_000_000 } });
app.post("/files", async (request) => {
  const file = await request.file();
  const before = file.fields.purpose?.value ?? "none";
  await file.toBuffer();
  for await (const rest of request.parts()) void rest;
  seen.push(before);
  return { id: "file-1" };
});
const baseURL = await app.listen({ port: 0, host: "127.0.0.1" });
const client = new OpenAI({ baseURL, apiKey: "k", maxRetries: 0 });
const file = () => toFile(Buffer.from('{"line":1}\n'.repeat(100_000)), "in.jsonl");
await client.files.create({ file: await file(), purpose: "batch" });
await client.files.create({ purpose: "batch", file: await file() });
await promisify(execFile)("venv/bin/python", ["ask.py", baseURL], { timeout: 100_000 });
await app.close();
console.log(`purpose known before the file: Node ${seen[0]}, Node written in the other order ${seen[1]}, Python ${seen[2]}`);
assert.deepEqual(seen, ["none", "batch", "batch"]);
JS
PATH=$dir/node_modules/.bin:$PATH node check.mjs
