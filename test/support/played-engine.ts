import type { EngineAnswer, EngineClient } from "../../workers/engines/engine-client.ts";

/** An engine's answers by path from its root: a JSON value, or status and text. */
export type PlayedAnswers = Readonly<
  Record<string, object | { readonly status: number; readonly text: string }>
>;

/**
 * Plays an engine with the given answers. Its base URL ends in `/v1` by default, and other paths
 * answer 404.
 */
export function playEngine(
  answers: PlayedAnswers,
  { server, base = "/v1" }: { readonly server?: string; readonly base?: string } = {},
): EngineClient & { readonly requests: string[] } {
  const requests: string[] = [];
  const answer = (path: string): Promise<EngineAnswer> => {
    requests.push(path);
    const found = answers[path] ?? { status: 404, text: '{"detail":"Not Found"}' };
    const isText = "status" in found && "text" in found;
    const text = isText ? String(found.text) : JSON.stringify(found);
    return Promise.resolve({
      status: isText ? Number(found.status) : 200,
      server,
      text,
      json: text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : undefined,
    });
  };
  return {
    requests,
    get: answer,
    getBelowBase: (path) => answer(base + path),
    post: (path, body) => answer(`${path} ${JSON.stringify(body)}`),
  };
}

const model = (id: string, rest: object) => ({
  id,
  object: "model",
  created: 1_795_906_916,
  ...rest,
});

/** Answers of vLLM 0.32.0, started with `--max-model-len 256`. */
export const playedVllm: PlayedAnswers = {
  "/v1/models": {
    object: "list",
    data: [model("tiny", { owned_by: "vllm", root: "models/chat", max_model_len: 256 })],
  },
  "/version": { version: "0.32.0" },
  "/openapi.json": { paths: { "/v1/chat/completions": {}, "/v1/completions": {} } },
};

/** Answers of llama.cpp 0c1e57098, with its four slots of 512 tokens. */
export const playedLlamacpp: PlayedAnswers = {
  "/v1/models": {
    models: [{ name: "models/tiny.gguf", capabilities: ["completion"] }],
    object: "list",
    data: [
      model("models/tiny.gguf", {
        aliases: ["models/tiny.gguf"],
        owned_by: "llamacpp",
        meta: { n_ctx: 2_048, n_ctx_train: 512 },
      }),
    ],
  },
  "/props": {
    default_generation_settings: { n_ctx: 512 },
    total_slots: 4,
    build_info: "b1-0c1e57098",
    is_sleeping: false,
  },
};

/** Answers of Ollama 0.17.4; `tiny` is loaded, `big` has a context in its file. */
export const playedOllama: PlayedAnswers = {
  "/v1/models": {
    object: "list",
    data: ["tiny-bert", "big", "tiny"].map((name) =>
      model(`${name}:latest`, { owned_by: "library" }),
    ),
  },
  "/api/version": { version: "0.17.4" },
  "/api/ps": {
    models: [{ name: "tiny:latest", model: "tiny:latest", size_vram: 0, context_length: 512 }],
  },
  '/api/show {"model":"big"}': {
    parameters: 'num_ctx                        8192\nstop                           "x"',
    capabilities: ["completion", "tools"],
  },
  '/api/show {"model":"tiny-bert"}': { capabilities: ["embedding"] },
};
