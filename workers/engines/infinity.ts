import type { EngineInfo } from "./engine-info.ts";

/**
 * infinity 0.0.7x, from its source (fastapi_schemas/pymodels.py: `ModelInfo` with `owned_by:
 * "infinity"`, `capabilities` and the state of its queue). Embeddings only; its own scheduler puts
 * the inputs of all requests together in batches.
 */
export const infinity: EngineInfo = {
  name: "infinity",
  owners: ["infinity"],
  continuousUsage: false,
  responses: "translate",
  skipsResponseParts: true,
  hidesResponseCuts: true,
  choicesTakeSlots: false,
  inputsTakeSlots: false,
  fillsContextUncapped: false,
  truncatesSilently: false,
  ignoresModelNames: false,
  letGo: { generatingMs: 500, promptMs: 1_000 },
};
