import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Load, LoadResult } from "./load/load.ts";
import { startLoadGenerator } from "./load/load-generator.ts";
import { requestBody } from "./load/request-body.ts";
import { startUpstream } from "./systems/start-upstream.ts";

const LOAD = { headers: {}, connections: 2, bodyBytes: 1024, warmUpMs: 100, windowMs: 2_000 };

async function run(target: Pick<Load, "url" | "stream">): Promise<LoadResult> {
  const generator = startLoadGenerator();
  onTestFinished(() => generator.stop());
  let edges = 0;
  const result = await generator.run({ ...LOAD, ...target }, () => (edges += 1));
  expect(edges).toBe(2);
  return result;
}

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function makeRunDir(): Promise<string> {
  const runDir = await mkdtemp(join(tmpdir(), "spillway-bench-"));
  onTestFinished(() => rm(runDir, { recursive: true }));
  return runDir;
}

async function upstreamUrl(): Promise<string> {
  const upstream = await startUpstream({ runDir: await makeRunDir() });
  onTestFinished(upstream.stop);
  return `${upstream.baseUrl}/chat/completions`;
}

test("answers of the simulated upstream are right and take its 20 ms", async () => {
  const result = await run({ url: await upstreamUrl(), stream: false });
  expect(result).toMatchObject({ errors: 0, firstError: undefined, firstTokenMs: undefined });
  expect(result.answers).toBeGreaterThan(0);
  expect(result.latencyMs.p50).toBeGreaterThan(19);
});

test("streams of the simulated upstream are whole, and their first token comes long before the end", async () => {
  const result = await run({ url: await upstreamUrl(), stream: true });
  expect(result).toMatchObject({ errors: 0, firstError: undefined });
  expect(result.answers).toBeGreaterThan(0);
  expect(result.firstTokenMs?.p50).toBeGreaterThan(19);
  expect(result.latencyMs.p50 - (result.firstTokenMs?.p50 ?? 0)).toBeGreaterThan(100);
});

test("a program of the same name is found at its own address, not at its predecessor's", async () => {
  const runDir = await makeRunDir();
  const first = await startUpstream({ runDir });
  onTestFinished(first.stop);
  const second = await startUpstream({ runDir });
  onTestFinished(second.stop);
  expect(second.url).not.toBe(first.url);
});

test("an error's status counts as an error, whatever its body", async () => {
  const url = await serve((request, response) => {
    request.resume();
    response.writeHead(500).end('{"finish_reason":"stop"}');
  });
  const result = await run({ url, stream: false });
  expect(result.answers).toBe(0);
  expect(result.errors).toBeGreaterThan(0);
  expect(result.firstError).toMatch(/^500: /);
});

test("a stream that ends without its last event counts as an error", async () => {
  const url = await serve((request, response) => {
    request.resume();
    response.end('data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n');
  });
  const result = await run({ url, stream: true });
  expect(result.answers).toBe(0);
  expect(result.firstError).toMatch(/^200: data/);
});

test.each([1024, 60 * 1024])("a request body has exactly %i bytes", (bytes) => {
  for (const stream of [false, true]) {
    const body = requestBody(bytes, stream);
    expect(Buffer.byteLength(body)).toBe(bytes);
    expect((JSON.parse(body) as { stream?: boolean }).stream).toBe(stream || undefined);
  }
});
