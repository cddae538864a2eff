import { asObject, stringAt } from "../../shared/json/json-object.ts";
import type { EngineInfo } from "./engine-info.ts";
import { kindOf, wholeNumber } from "./listed-models.ts";

/**
 * llama.cpp's server, as seen of commit 0c1e57098. `/props` and `/v1/models` answer without waking
 * a server that sleeps. Calls beyond its slots are deferred without limit and get not even headers;
 * `n` takes n slots, a list of embeddings as many as it has inputs. A stream that is cut stops in
 * 0.1 s. An answer in one piece stops only when a second has passed without a result from any slot,
 * and our own questions would give one, so they come seldom. `/metrics` says 501 unless the server
 * was started with `--metrics`. Its own `/v1/responses` lacks indexes and sequence numbers, ignores
 * `text.format` and never says `incomplete`. In single-model mode any model name is served.
 */
export const llamacpp: EngineInfo = {
  name: "llamacpp",
  owners: ["llamacpp"],
  continuousUsage: false,
  responses: "translate",
  skipsResponseParts: true,
  hidesResponseCuts: true,
  choicesTakeSlots: true,
  inputsTakeSlots: true,
  fillsContextUncapped: true,
  truncatesSilently: false,
  ignoresModelNames: true,
  letGo: { generatingMs: 200, promptMs: 200, witness: "slots" },
  gauges: {
    running: ["llamacpp:requests_processing"],
    waiting: ["llamacpp:requests_deferred"],
  },
  signature: { path: "/props", field: "total_slots" },
  async describe(client, listed) {
    const [{ json: props }, { json: list }] = await Promise.all([
      client.get("/props"),
      client.getBelowBase("/models"),
    ]);
    if (props === undefined) return {};
    const slots = wholeNumber(props["total_slots"]);
    const contextLength = wholeNumber(asObject(props["default_generation_settings"])?.["n_ctx"]);
    const version = stringAt(props, "build_info");
    const shown: unknown = Array.isArray(list?.["models"]) ? list["models"][0] : undefined;
    const kind = kindOf(asObject(shown)?.["capabilities"]);
    return {
      ...(version === "" ? {} : { version }),
      ...(slots === undefined ? {} : { slots }),
      models: listed.map((model) => ({
        ...model,
        // This is the context of each slot. `/v1/models` may name the sum over all slots.
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(kind === undefined ? {} : { kind }),
      })),
    };
  },
};
