import { stringAt } from "../../shared/json/json-object.ts";
import type { EngineInfo } from "./engine-info.ts";

/**
 * vLLM, as seen of 0.32.0. A call that is cut stops within 0.2 s in every phase. `n` and list
 * prompts count each sequence, as inputs of embeddings do (34 of 40 seen waiting), and `n` above
 * `--max-num-queued-reqs` is "busy" for ever. `/metrics` is open even with `--api-key`. Without
 * `--scheduling-policy priority` the field is ignored; with it the lowest number goes first, and 0
 * is everybody's default. Of request ids only `X-Request-Id` counts. Routes exist by task: a model
 * that generates has no `/v1/embeddings`, and the other way round.
 */
export const vllm: EngineInfo = {
  name: "vllm",
  owners: ["vllm"],
  requestIdHeader: "x-request-id",
  priority: "lowest_first",
  continuousUsage: true,
  responses: "until_404",
  skipsResponseParts: true,
  hidesResponseCuts: true,
  choicesTakeSlots: true,
  inputsTakeSlots: true,
  fillsContextUncapped: true,
  truncatesSilently: false,
  ignoresModelNames: false,
  letGo: { generatingMs: 200, promptMs: 200 },
  gauges: {
    running: ["vllm:num_requests_running"],
    waiting: ["vllm:num_requests_waiting"],
  },
  async describe(client, listed) {
    const [version, routes] = await Promise.all([
      client.get("/version"),
      client.get("/openapi.json"),
    ]);
    const has = (path: string) => routes.text.includes(`"${path}"`);
    const chats = has("/v1/chat/completions");
    const embeds = has("/v1/embeddings");
    const kind = chats === embeds ? undefined : chats ? "chat" : "embedding";
    return {
      ...versionOf(version.json === undefined ? "" : stringAt(version.json, "version")),
      ...(kind === undefined ? {} : { models: listed.map((model) => ({ ...model, kind })) }),
    };
  },
};

function versionOf(version: string): { version?: string } {
  return version === "" ? {} : { version };
}
