import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { playedLlamacpp, playedVllm } from "../../support/played-engine.ts";
import { refuse, startPlayedServer, type PlayedServer } from "../../support/played-server.ts";

interface Shown {
  readonly name: string;
  readonly engine: string | null;
  readonly engine_version: string | null;
  readonly engine_slots: number | null;
  readonly models: readonly { id: string; context_length: number | null }[] | null;
  readonly problems: readonly { code: string; message: string }[];
}

let vllm: PlayedServer;
let locked: PlayedServer;
let llamacpp: PlayedServer;
let broker: TestBroker;

beforeAll(async () => {
  vllm = await startPlayedServer(playedVllm);
  locked = await startPlayedServer(playedVllm, { key: "sk-right" });
  llamacpp = await startPlayedServer(playedLlamacpp);
  const bare = vllm.url.replace(/\/v1$/, "");
  broker = await startTestBroker({
    providers: {
      wrong: { baseUrl: vllm.url },
      locked: { baseUrl: locked.url, yaml: "api_key: sk-wrong-one" },
      bare: { baseUrl: bare },
      small: { baseUrl: llamacpp.url, brokerSlots: 6 },
    },
    models: [
      "  misnamed: { serve: [{ provider: wrong, model: tinny }] }",
      "  embed-misplaced: { serve: [{ provider: wrong, model: tiny }] }",
      "  longer: { serve: [{ provider: wrong, model: tiny, context_length: 4096 }] }",
      "  locked: { serve: [{ provider: locked, model: tiny }] }",
      "  bare: { serve: [{ provider: bare, model: tiny }] }",
      "  small: { serve: [{ provider: small, model: whatever }] }",
    ].join("\n"),
  });
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([vllm.close(), locked.close(), llamacpp.close()]);
});

async function shown(name: string): Promise<Shown | undefined> {
  const { data } = await broker.admin<{ data: Shown[] }>("GET", "/admin/providers");
  return data.find((provider) => provider.name === name);
}

async function problemsOf(name: string): Promise<string[]> {
  return await eventually(async () => {
    const provider = await shown(name);
    expect(provider?.problems.length).toBeGreaterThan(0);
    return (provider?.problems ?? []).map(({ code, message }) => `${code}: ${message}`);
  });
}

describe("what does not go with an engine is told soon after the start", () => {
  it("a model that it does not have, a wrong kind and a context that it has not", async () => {
    expect(await problemsOf("wrong")).toEqual([
      "unknown_model: Route 'misnamed' asks for the model 'tinny', which the engine does not list. It has: tiny.",
      "wrong_kind: Route 'embed-misplaced' is of kind embedding, but the engine serves 'tiny' for generation only.",
      "context_too_long: Route 'longer' says context_length 4096 for 'tiny', but the engine has 256.",
    ]);
    expect(await shown("wrong")).toMatchObject({
      engine: "vllm",
      engine_version: "0.32.0",
      models: [{ id: "tiny", context_length: 256 }],
    });
  });

  it("a key that is refused, with the upstream's words and without the key", async () => {
    const [problem] = await problemsOf("locked");
    expect(problem).toBe(
      'key_refused: The model list needs another key: api_key is refused; the upstream said HTTP 401 "Unauthorized".',
    );
  });

  it("a base URL without its version path", async () => {
    const [problem] = await problemsOf("bare");
    expect(problem).toMatch(/^missing_version_path: .*\/v1\/models does; write http.*\/v1\.$/);
  });

  it("more slots than the engine has; a name that llama.cpp does not read is no problem", async () => {
    expect(await problemsOf("small")).toEqual([
      "too_many_slots: slots is 6, but the engine has 4: further calls would wait inside it, out of the broker's sight.",
    ]);
    expect(await shown("small")).toMatchObject({ engine: "llamacpp", engine_slots: 4 });
  });

  it("a call that is refused for its model, until one goes well", async () => {
    const { key } = await broker.key();
    const ask = async () => {
      const response = await fetch(`${broker.baseUrl}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "small", messages: [{ role: "user", content: "Hello" }] }),
      });
      await response.arrayBuffer();
      return response.status;
    };
    const { answer } = llamacpp;
    llamacpp.answer = (_body, response) => {
      refuse(response, 404, { code: 404, message: "model 'whatever' not found" });
    };
    expect(await ask()).not.toBe(200);
    await eventually(async () => {
      expect(await problemsOf("small")).toContainEqual(
        "call_refused: Calls of the model 'whatever' are refused; the upstream said HTTP 404 \"model 'whatever' not found\"",
      );
    });
    llamacpp.answer = answer;
    expect(await ask()).toBe(200);
    await eventually(async () => {
      expect(await problemsOf("small")).toHaveLength(1);
    });
  });
});

it("a provider that has left the file leaves the list", async () => {
  await broker.database.pool.query(
    "insert into providers (name, location, slots) values ('gone', 'local', 4)",
  );
  expect(await shown("gone")).toBeUndefined();
  const metrics = await (await fetch(`${broker.url}/metrics`)).text();
  expect(metrics).toContain('spillway_provider_up{provider="small"}');
  expect(metrics).not.toContain("gone");
});
