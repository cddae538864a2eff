import { serviceClasses } from "../../shared/contracts/service-class.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import type { JsonObject } from "../../shared/json/json-object.ts";
import type { ProviderCall } from "../providers/provider.ts";
import type { EngineInfo } from "./engine-info.ts";
import { leastTokens } from "./least-tokens.ts";

/** What is known of the engine and the route that a call goes to. */
export interface CallSite {
  readonly engine: EngineInfo;
  /** Tokens of prompt and answer together; undefined: unknown. */
  readonly contextLength: number | undefined;
  /** The file names the route's output cap, so that it is the operator's will. */
  readonly capIsWritten: boolean;
}

/** A call as its engine takes it best. Pure. */
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

/** `min_tokens` goes down with the cap that the broker lowered: engines refuse one that is above it. */
function withFloorBelow(cap: number | null, body: string): string {
  if (cap === null || !body.includes('"min_tokens"')) return body;
  const fields = parseExact(body) as JsonObject;
  const { min_tokens: floor } = fields;
  if (floor == null || Number(floor) <= cap) return body;
  return JSON.stringify({ ...fields, min_tokens: cap });
}

/**
 * The output cap: none where nobody has set one, it costs nothing and the engine stops by itself;
 * else never more than the context holds beside the prompt. A caller's own cap is lowered to the whole
 * context only, since what is beyond it cannot be had; how it goes with the prompt is the engine's word.
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

/** Without a field of the caller's own: the broker lets none of that name out. 0 is the default. */
function withPriority({ body, serviceClass }: ProviderCall, engine: EngineInfo): string {
  const rank = (serviceClass ?? serviceClasses.default) - serviceClasses.default;
  const rest = body.trimStart().slice(1).trimStart();
  const priority = engine.priority === "lowest_first" ? rank : -rank;
  return `{"priority":${priority}${rest.startsWith("}") ? "" : ","}${rest}`;
}
