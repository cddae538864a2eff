import { describe, expect, it } from "vitest";
import { detectEngine } from "../../../../workers/engines/detect-engine.ts";
import {
  playedLlamacpp,
  playedOllama,
  playedVllm,
  playEngine,
  type PlayedAnswers,
} from "../../../support/played-engine.ts";

const local = { location: "local", baseUrl: "http://127.0.0.1:9/v1" } as const;

describe("who serves at a provider", () => {
  it("knows vLLM by the owner of its models, with their context and kind", async () => {
    const { engine, details, models } = await detectEngine(local, playEngine(playedVllm), []);
    expect(engine.name).toBe("vllm");
    expect(details.version).toBe("0.32.0");
    expect(models).toEqual([{ id: "tiny", aliases: [], contextLength: 256, kind: "chat" }]);
  });

  it("knows vLLM by the words with which it refuses a key", async () => {
    const unauthorized = { status: 401, text: '{"error":"Unauthorized"}' };
    const { engine, models, list } = await detectEngine(
      local,
      playEngine({ ...playedVllm, "/v1/models": unauthorized }),
      [],
    );
    expect(engine.name).toBe("vllm");
    expect(models).toBeUndefined();
    expect(list.status).toBe(401);
  });

  it("takes llama.cpp's context of one slot, not of all together, and its slots", async () => {
    const { engine, details, models } = await detectEngine(local, playEngine(playedLlamacpp), []);
    expect(engine.name).toBe("llamacpp");
    expect(details).toMatchObject({ slots: 4, version: "b1-0c1e57098" });
    expect(models?.[0]).toMatchObject({ contextLength: 512, kind: "chat" });
  });

  it("knows llama.cpp by its header while it loads", async () => {
    const loading = { status: 503, text: '{"error":{"message":"Loading model","code":503}}' };
    const client = playEngine({ "/v1/models": loading }, { server: "llama.cpp" });
    expect((await detectEngine(local, client, [])).engine.name).toBe("llamacpp");
  });

  it("reads Ollama's contexts from what is loaded and from what a model's file sets", async () => {
    const { engine, models } = await detectEngine(local, playEngine(playedOllama), [
      "tiny",
      "big",
      "tiny-bert",
    ]);
    expect(engine.name).toBe("ollama");
    expect(models).toEqual([
      { id: "tiny-bert:latest", aliases: ["tiny-bert"], kind: "embedding" },
      { id: "big:latest", aliases: ["big"], contextLength: 8_192, kind: "chat" },
      { id: "tiny:latest", aliases: ["tiny"], contextLength: 512 },
    ]);
  });

  const byOther: readonly [string, PlayedAnswers, object][] = [
    [
      "ollama",
      { "/v1/models": { object: "list", data: null }, "/api/version": { version: "0.17.4" } },
      { models: [] },
    ],
    [
      "tgi",
      {
        "/info": {
          model_id: "org/m",
          max_total_tokens: 4_096,
          max_concurrent_requests: 128,
          version: "3.3.4",
        },
      },
      { models: [{ id: "org/m", contextLength: 4_096 }], details: { slots: 128 } },
    ],
    [
      "sglang",
      {
        "/v1/models": {
          data: [{ id: "org/m", owned_by: "sglang", max_model_len: 32_768 }],
        },
        "/get_model_info": { model_path: "org/m", is_generation: false },
        "/get_server_info": { version: "0.5.2" },
      },
      { models: [{ contextLength: 32_768, kind: "embedding" }], details: { version: "0.5.2" } },
    ],
    [
      "lmstudio",
      {
        "/v1/models": { data: [{ id: "m", owned_by: "organization_owner" }] },
        "/api/v0/models": {
          data: [
            { id: "m", type: "llm", loaded_context_length: 4_096, max_context_length: 32_768 },
          ],
        },
      },
      { models: [{ id: "m", contextLength: 4_096, kind: "chat" }] },
    ],
    [
      "infinity",
      { "/v1/models": { data: [{ id: "e", owned_by: "infinity", capabilities: ["embed"] }] } },
      { models: [{ id: "e", kind: "embedding" }] },
    ],
  ];
  it.each(byOther)("knows %s by what it answers", async (name, answers, expected) => {
    const detected = await detectEngine(local, playEngine(answers), []);
    expect(detected.engine.name).toBe(name);
    expect(detected).toMatchObject(expected);
  });

  it("asks a cloud for nothing but its model list, and believes the file", async () => {
    const client = playEngine({ "/v1/models": { data: [{ id: "gpt", owned_by: "system" }] } });
    expect((await detectEngine({ ...local, location: "cloud" }, client, [])).engine.name).toBe(
      "openai",
    );
    expect(client.requests).toEqual(["/v1/models"]);
    const detected = await detectEngine({ ...local, engine: "tgi" }, playEngine(playedVllm), []);
    expect(detected.engine.name).toBe("tgi");
  });

  it("finds the version path that a base URL lacks", async () => {
    const client = playEngine(playedVllm, { base: "" });
    const bare = { ...local, baseUrl: "http://127.0.0.1:9" };
    const detected = await detectEngine(bare, client, []);
    expect(detected).toMatchObject({ lacksVersionPath: true, models: [{ id: "tiny" }] });
    expect((await detectEngine(local, playEngine({}), [])).lacksVersionPath).toBe(false);
  });
});
