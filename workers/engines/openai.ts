import type { EngineFacts } from "./engine-facts.ts";

/** The OpenAI API itself, and clouds that speak it: many choices are one request. */
export const openai: EngineFacts = {
  name: "openai",
  owners: [],
  continuousUsage: false,
  responses: "until_404",
  choicesTakeSlots: false,
  inputsTakeSlots: false,
  fillsContextUncapped: false,
  truncatesSilently: false,
  ignoresModelNames: false,
  letGo: { generatingMs: 50, promptMs: 50 },
};

/** A local engine that neither the file names nor its answers give away: what is safe with most. */
export const unknownEngine: EngineFacts = { ...openai, name: null, choicesTakeSlots: true };
