import type { EngineInfo } from "../../engines/engine-info.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { declaredTools } from "../../../shared/responses/declared-tools.ts";
import { isIgnoredTool } from "../../../shared/responses/ignored-parts.ts";
import { named, type Untranslatable } from "../../../shared/responses/untranslatable.ts";

/** Engines other than OpenAI read these input items. */
const PLAIN_ITEMS: ReadonlySet<unknown> = new Set([
  "message",
  "function_call",
  "function_call_output",
  "reasoning",
]);

/**
 * Finds what an engine's own `/v1/responses` would pass over in silence: vLLM 0.32 answers 200 to
 * tools that it does not know, `web_search` among them, and reads plain items only. We trust OpenAI
 * itself and unrecognised upstreams.
 */
export function findPassedOver(
  engine: Pick<EngineInfo, "name" | "skipsResponseParts">,
  body: JsonObject,
): Untranslatable | undefined {
  if (!engine.skipsResponseParts) return undefined;
  const odd = declaredTools(body).find(
    ({ tool, namespace }) =>
      (tool["type"] !== "function" || namespace !== undefined) && !isIgnoredTool(tool),
  );
  if (odd !== undefined)
    return passedOver(`${odd.at}.type`, named("A tool", odd.tool["type"]), engine);
  const input = Array.isArray(body["input"]) ? (body["input"] as unknown[]) : [];
  const index = input.findIndex((each) => !PLAIN_ITEMS.has(asObject(each)?.["type"] ?? "message"));
  if (index === -1) return undefined;
  const type = asObject(input[index])?.["type"];
  return passedOver(`input[${index}].type`, named("An item", type), engine);
}

function passedOver(
  param: string,
  what: string,
  { name }: Pick<EngineInfo, "name">,
): Untranslatable {
  return {
    param,
    message: `${what} would be passed over in silence by the engine of this model (${name}): leave it out, or use a model of another provider.`,
  };
}
