import { serviceClasses } from "../../shared/contracts/job-request.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import type { JsonObject } from "../../shared/json/json-object.ts";
import type { ProviderCall } from "../providers/provider.ts";
import type { EngineInfo } from "./engine-info.ts";
import { leastTokens } from "./least-tokens.ts";

/** The engine and the route of a call, as far as they are known. */
export interface CallSite {
  readonly engine: EngineInfo;
  /** The most tokens of prompt and answer together; undefined if it is unknown. */
  readonly contextLength: number | undefined;
  /** The operator has written the route's output cap. */
  readonly capIsWritten: boolean;
}

/** Changes a call to what its engine takes best. */
export function fitCall(call: ProviderCall, site: CallSite): ProviderCall {
  const { engine } = site;
  const { maxOutputTokens, serviceClass = serviceClasses.default } = call;
  const isRanked = serviceClass !== serviceClasses.default;
  const cap = maxOutputTokens === null ? null : fitCap(maxOutputTokens, call, site);
  const fitted = { ...call, maxOutputTokens: cap, body: withFloorBelow(cap, call.body) };
  return engine.priority !== undefined && isRanked && call.endpoint !== "responses"
    ? { ...fitted, body: withPriority(fitted, engine) }
    : fitted;
}

/** Lowers `min_tokens` with the cap: engines refuse a floor above the cap. */
function withFloorBelow(cap: number | null, body: string): string {
  if (cap === null || !body.includes('"min_tokens"')) return body;
  const fields = parseExact(body) as JsonObject;
  const { min_tokens: floor } = fields;
  if (floor == null || Number(floor) <= cap) return body;
  return JSON.stringify({ ...fields, min_tokens: cap });
}

/**
 * Chooses the output cap. There is none where nobody has set one, output costs nothing and the engine
 * stops by itself. Otherwise it is at most what the context holds beside the prompt. A caller's own cap
 * is lowered to the whole context only: whether it fits beside the prompt is for the engine to say.
 */
function fitCap(cap: number, call: ProviderCall, site: CallSite): number | null {
  const { contextLength, engine, capIsWritten } = site;
  const isOurs = call.capIsDefault === true;
  const isLowered = call.capIsLowered === true;
  const isChat = call.endpoint === "chat.completions";
  const isNobodys = isOurs && !isLowered && !capIsWritten && !call.capWasAsked;
  if (isNobodys && call.outputIsFree && isChat && engine.fillsContextUncapped) return null;
  if (contextLength === undefined) return cap;
  if (!isOurs) return Math.min(cap, contextLength);
  const fits = cap + Buffer.byteLength(call.body) <= contextLength;
  return fits ? cap : Math.max(1, Math.min(cap, contextLength - leastTokens(call.body)));
}

/** Adds the engine's priority; a caller's field of that name never comes here. 0 is the default. */
function withPriority({ body, serviceClass }: ProviderCall, engine: EngineInfo): string {
  const rank = (serviceClass ?? serviceClasses.default) - serviceClasses.default;
  const rest = body.trimStart().slice(1).trimStart();
  const priority = engine.priority === "lowest_first" ? rank : -rank;
  return `{"priority":${priority}${rest.startsWith("}") ? "" : ","}${rest}`;
}
