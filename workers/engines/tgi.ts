import { stringAt } from "../../shared/json/json-object.ts";
import type { EngineInfo } from "./engine-info.ts";
import { wholeNumber } from "./listed-models.ts";

/**
 * Text Generation Inference 3, from its documentation: `GET /info`, the page "Metrics" and the
 * error "Model is overloaded" (429). It has one model, whatever name is asked for, takes no `n`, and
 * ends an answer without a cap after 100 tokens in older versions.
 */
export const tgi: EngineInfo = {
  name: "tgi",
  owners: [],
  continuousUsage: false,
  responses: "translate",
  skipsResponseParts: true,
  hidesResponseCuts: true,
  choicesTakeSlots: false,
  inputsTakeSlots: false,
  fillsContextUncapped: false,
  truncatesSilently: false,
  ignoresModelNames: true,
  letGo: { generatingMs: 500, promptMs: 1_000 },
  gauges: { running: ["tgi_batch_current_size"], waiting: ["tgi_queue_size"] },
  signature: { path: "/info", field: "max_total_tokens" },
  async describe(client) {
    const { json } = await client.get("/info");
    if (json === undefined) return {};
    const contextLength = wholeNumber(json["max_total_tokens"]);
    const slots = wholeNumber(json["max_concurrent_requests"]);
    const version = stringAt(json, "version");
    const id = stringAt(json, "model_id");
    return {
      ...(version === "" ? {} : { version }),
      ...(slots === undefined ? {} : { slots }),
      ...(id === ""
        ? {}
        : {
            models: [
              { id, aliases: [], ...(contextLength === undefined ? {} : { contextLength }) },
            ],
          }),
    };
  },
};
