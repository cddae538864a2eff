import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ConfigError } from "../../../config/config-error.ts";
import { loadConfig } from "../../../config/load-config.ts";
import { accept, lookupIn, soundText, withLine } from "./config-text.ts";

test("reads the example of the design and fills in every default", () => {
  const config = accept(soundText, { OPENAI_API_KEY: "sk-test" });
  expect(config.server).toEqual({
    bodyLimitBytes: 10 * 1024 * 1024,
    queueLimitBytes: 256 * 1024 * 1024,
    syncWaitMs: 240_000,
    deadlineMs: 600_000,
    asyncDeadlineMs: 86_400_000,
    attachRetries: false,
    corsOrigins: ["*"],
  });
  expect(config.retention).toEqual({ resultsMs: 30 * 86_400_000 });
  expect(config.webhooks).toEqual({ allowNetworks: [] });
  expect(config.providers.get("gpu-a")).toEqual({
    name: "gpu-a",
    location: "local",
    baseUrl: "http://10.0.0.5:8000/v1",
    apiKey: undefined,
    slots: 16,
    timeouts: { connectMs: 2000, firstByteMs: 120_000, idleMs: 60_000 },
    maxTokensField: "max_tokens",
    responses: "auto",
    streamUpstream: true,
  });
  expect(config.providers.get("openai")).toMatchObject({
    apiKey: "sk-test",
    maxTokensField: "max_completion_tokens",
  });
  expect(config.models.get("chat-small")).toEqual({
    name: "chat-small",
    kind: "chat",
    serve: [
      {
        provider: "gpu-a",
        model: "llama",
        price: { input: 0, output: 0 },
        contextLength: undefined,
      },
    ],
    overflow: [
      {
        provider: "openai",
        model: "gpt-4o-mini",
        price: { input: 0.15, output: 0.6 },
        contextLength: undefined,
      },
    ],
    overflowWhen: { waitedMs: 5000, failed: true },
    noCapacity: "wait",
    maxOutputTokens: 4096,
    maxOutputTokensIsWritten: true,
    truncation: "refuse",
    outputCap: "lower",
    maxAttempts: 3,
    defaults: {},
  });
});

test("takes every key that the file may have", () => {
  const config =
    accept(`server: { body_limit: 512KiB, queue_limit: 2GiB, sync_wait: 1.5s, deadline: 1h }
providers:
  a:
    location: local
    base_url: http://127.0.0.1:1//
    api_key: secret
    slots: 1
    price: { input: 0.000000001, output: 2 }
    timeouts: { connect: 500ms, first_byte: 5m }
    max_tokens_field: max_completion_tokens
    reasoning_field: none
models:
  org/model:7b:
    kind: completion
    serve: [{ provider: a, model: m, price: { input: 1, output: 2 }, context_length: 8192 }]
    overflow_when: { waited: never }
    no_capacity: reject
    max_output_tokens: 8192
    max_attempts: 10
    defaults: { temperature: 0.2, stop: [x], extra: { deep: null } }
`);
  expect(config.server).toEqual({
    bodyLimitBytes: 524_288,
    queueLimitBytes: 2 * 1024 ** 3,
    syncWaitMs: 1500,
    deadlineMs: 3_600_000,
    asyncDeadlineMs: 86_400_000,
    attachRetries: false,
    corsOrigins: ["*"],
  });
  expect(config.providers.get("a")).toMatchObject({
    baseUrl: "http://127.0.0.1:1",
    timeouts: { connectMs: 500, firstByteMs: 300_000, idleMs: 60_000 },
    maxTokensField: "max_completion_tokens",
    reasoningField: "none",
  });
  expect(config.models.get("org/model:7b")).toMatchObject({
    kind: "completion",
    serve: [{ price: { input: 1, output: 2 }, contextLength: 8192 }],
    overflowWhen: { waitedMs: null, failed: true },
    noCapacity: "reject",
    maxAttempts: 10,
    defaults: { temperature: 0.2, stop: ["x"], extra: { deep: null } },
  });
});

test("takes a model for embeddings by its name, and its short context is no conflict", () => {
  const config = accept(
    withLine(
      13,
      "  Text-Embed:",
      "    serve: [{ provider: gpu-a, model: e, context_length: 512 }]",
      "  chat-small:",
    ),
  );
  expect(config.models.get("Text-Embed")?.kind).toBe("embedding");
});

test("keeps the file's order, also of names that look like numbers", () => {
  const config = accept(
    withLine(
      20,
      "  7:",
      "    serve: [{ provider: gpu-a, model: m }]",
      "  1:",
      "    serve: [{ provider: gpu-a, model: m }]",
    ),
  );
  expect([...config.models.keys()]).toEqual(["chat-small", "7", "1"]);
});

test("follows anchors, aliases and merge keys", () => {
  const config = accept(`providers:
  a: &gpu
    location: local
    base_url: http://127.0.0.1:1/v1
    slots: 4
    price: &free { input: 0, output: 0 }
  b:
    <<: *gpu
    base_url: http://127.0.0.1:2/v1
models:
  m: { serve: [{ provider: a, model: x, price: *free }, { provider: b, model: x }] }
`);
  expect(config.providers.get("b")).toMatchObject({ slots: 4, baseUrl: "http://127.0.0.1:2/v1" });
});

test("a cloud provider may be on loopback, and a local one on any other host", () => {
  expect(accept(withLine(9, "    base_url: http://127.0.0.1:9/v1")).providers.size).toBe(2);
  expect(accept(withLine(4, "    base_url: http://notopenai.com/v1")).providers.size).toBe(2);
});

test("reads a file, and says so when it is missing, a directory or not UTF-8", () => {
  const directory = mkdtempSync(join(tmpdir(), "spillway-config-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "a.yaml");
  writeFileSync(file, soundText);
  expect(loadConfig(file, lookupIn({})).models.size).toBe(1);

  const missing = join(directory, "b.yaml");
  expect(() => loadConfig(missing, lookupIn({}))).toThrow(
    new ConfigError([
      { file: missing, line: 1, column: 1, field: "", message: "cannot be read: no such file" },
    ]),
  );
  expect(() => loadConfig(directory, lookupIn({}))).toThrow("it is a directory");
  writeFileSync(file, Buffer.from([0x61, 0xff]));
  expect(() => loadConfig(file, lookupIn({}))).toThrow("not valid UTF-8");
});
