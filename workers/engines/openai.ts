import type { EngineInfo } from "./engine-info.ts";

/** The OpenAI API itself, and clouds that speak it: many choices are one request. */
export const openai: EngineInfo = {
  name: "openai",
  owners: [],
  continuousUsage: false,
  responses: "until_404",
  skipsResponseParts: false,
  hidesResponseCuts: false,
  choicesTakeSlots: false,
  inputsTakeSlots: false,
  fillsContextUncapped: false,
  truncatesSilently: false,
  ignoresModelNames: false,
  letGo: { generatingMs: 50, promptMs: 50 },
};

/**
 * A local engine that neither the file names nor its answers reveal. Its values are safe with most
 * engines.
 */
export const unknownEngine: EngineInfo = {
  ...openai,
  name: null,
  hidesResponseCuts: true,
  choicesTakeSlots: true,
};
