import { asObject, stringAt } from "../../shared/json/json-object.ts";
import type { EngineInfo, EngineModel } from "./engine-info.ts";
import { wholeNumber } from "./listed-models.ts";

/**
 * LM Studio, from its page "REST API v0" (0.3.6 or newer) and its changelog (0.3.29: a stateful
 * `/v1/responses`, which keeps what it is told). Models are loaded when they are asked for.
 * `loaded_context_length` stands with the loaded ones; `max_context_length` is what one could have.
 */
export const lmstudio: EngineInfo = {
  name: "lmstudio",
  owners: ["organization_owner"],
  continuousUsage: false,
  responses: "translate",
  skipsResponseParts: true,
  hidesResponseCuts: true,
  choicesTakeSlots: false,
  inputsTakeSlots: false,
  fillsContextUncapped: true,
  truncatesSilently: false,
  ignoresModelNames: false,
  letGo: { generatingMs: 500, promptMs: 2_000 },
  async describe(client, listed) {
    const { json } = await client.get("/api/v0/models");
    const data = json?.["data"];
    if (!Array.isArray(data)) return {};
    const details = new Map(
      data.flatMap((item: unknown) => {
        const model = asObject(item);
        return model === undefined ? [] : [[stringAt(model, "id"), detailsOf(model)] as const];
      }),
    );
    return { models: listed.map((model) => ({ ...model, ...details.get(model.id) })) };
  },
};

function detailsOf(model: Readonly<Record<string, unknown>>): Partial<EngineModel> {
  const contextLength = wholeNumber(model["loaded_context_length"]);
  const type = model["type"];
  const kind =
    type === "embeddings" ? "embedding" : type === "llm" || type === "vlm" ? "chat" : null;
  return {
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(kind === null ? {} : { kind }),
  };
}
