import { asObject, stringAt, type JsonObject } from "../../shared/json/json-object.ts";
import type { EngineInfo, EngineModel } from "./engine-info.ts";
import { kindOf, wholeNumber } from "./listed-models.ts";

/**
 * Ollama, as seen of 0.17.4. A prompt beyond `num_ctx` is cut, or its older messages are dropped,
 * with 200 and the cut count as `prompt_tokens`; without a cap it generates up to ten times its
 * context. It ignores `n`, runs the inputs of one embeddings request side by side
 * (server/routes.go), and tells nothing of its queue. It runs one call at a time unless
 * `OLLAMA_NUM_PARALLEL` says more, which no request can read. The next call is answered about 2 s
 * after one was cut; one that is cut in its prompt phase goes on in the runner for its whole batch.
 * `/api/ps` has the context of a model once it is loaded, `/api/show` has what its file sets.
 */
export const ollama: EngineInfo = {
  name: "ollama",
  owners: ["library"],
  continuousUsage: false,
  responses: "translate",
  skipsResponseParts: true,
  hidesResponseCuts: true,
  choicesTakeSlots: false,
  inputsTakeSlots: true,
  fillsContextUncapped: false,
  truncatesSilently: true,
  ignoresModelNames: false,
  letGo: { generatingMs: 2_000, promptMs: 10_000 },
  signature: { path: "/api/version", field: "version" },
  async describe(client, listed, wanted) {
    const [version, running, ...shown] = await Promise.all([
      client.get("/api/version"),
      client.get("/api/ps"),
      ...wanted.map(async (name) => ({
        name,
        ...(await client.post("/api/show", { model: name })),
      })),
    ]);
    const details = new Map<string, Partial<EngineModel>>();
    for (const { name, json } of shown)
      if (json !== undefined) details.set(tagged(name), shownDetails(json));
    for (const loaded of loadedModels(running.json)) {
      const contextLength = wholeNumber(loaded["context_length"]);
      const name = stringAt(loaded, "model");
      if (contextLength !== undefined) details.set(name, { ...details.get(name), contextLength });
    }
    const known = version.json === undefined ? "" : stringAt(version.json, "version");
    return {
      ...(known === "" ? {} : { version: known }),
      models: listed.map((model) => ({
        ...model,
        aliases: model.id.endsWith(":latest") ? [model.id.slice(0, -":latest".length)] : [],
        ...details.get(model.id),
      })),
    };
  },
};

/** A model without a tag is its `latest`. */
function tagged(name: string): string {
  return name.includes(":") ? name : `${name}:latest`;
}

/** `parameters` is the text of a Modelfile: a name and a value on each line. */
function shownDetails(show: JsonObject): Partial<EngineModel> {
  const numCtx = /^num_ctx\s+(\d+)\s*$/m.exec(stringAt(show, "parameters"))?.[1];
  const contextLength = numCtx === undefined ? undefined : wholeNumber(Number(numCtx));
  const kind = kindOf(show["capabilities"]);
  return {
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(kind === undefined ? {} : { kind }),
  };
}

function loadedModels(answer: JsonObject | undefined): JsonObject[] {
  const models = answer?.["models"];
  if (!Array.isArray(models)) return [];
  return models.map(asObject).filter((model) => model !== undefined);
}
