import { stringAt } from "../../shared/json/json-object.ts";
import type { EngineInfo } from "./engine-info.ts";

/**
 * SGLang 0.5, from its source (openai/protocol.py: `ModelCard`, `StreamOptions`, `priority`;
 * server_args.py: `schedule_low_priority_values_first` is false) and its page "Production metrics";
 * gauges stand only with `--enable-metrics`, in early versions with `_` for `:`. A full queue
 * answers 503 "The request queue is full.". Its `/v1/responses` was made for gpt-oss alone.
 */
export const sglang: EngineInfo = {
  name: "sglang",
  owners: ["sglang"],
  priority: "highest_first",
  continuousUsage: true,
  responses: "translate",
  skipsResponseParts: true,
  hidesResponseCuts: true,
  choicesTakeSlots: true,
  inputsTakeSlots: true,
  fillsContextUncapped: true,
  truncatesSilently: false,
  ignoresModelNames: true,
  letGo: { generatingMs: 500, promptMs: 1_000 },
  gauges: {
    running: ["sglang:num_running_reqs", "sglang_num_running_reqs"],
    waiting: ["sglang:num_queue_reqs", "sglang_num_queue_reqs"],
  },
  signature: { path: "/get_model_info", field: "is_generation" },
  async describe(client, listed) {
    const [model, server] = await Promise.all([
      client.get("/get_model_info"),
      client.get("/get_server_info"),
    ]);
    const generates = model.json?.["is_generation"];
    const kind = generates === true ? "chat" : generates === false ? "embedding" : undefined;
    const version = server.json === undefined ? "" : stringAt(server.json, "version");
    return {
      ...(version === "" ? {} : { version }),
      ...(kind === undefined ? {} : { models: listed.map((each) => ({ ...each, kind })) }),
    };
  },
};
