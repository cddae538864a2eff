import type { CompiledTarget } from "../../shared/routing/compiled-route.ts";
import type { InferenceRequest } from "../../shared/requests/read-request.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";

/**
 * Warns the caller about what some or all providers will not see: parts of a response request that are
 * left out, and a prompt that an engine may cut where the route allows it.
 */
export function warningHeader(
  request: InferenceRequest,
  { budgeted }: CallerKey,
  providerStates: Pick<ProviderStates, "get">,
): Record<string, string> {
  const { route, response } = request;
  const ignored = response?.ignored ?? [];
  const isPassedOn = !budgeted && route.targets.every((target) => target.responses === "native");
  const warnings = [
    ...(ignored.length === 0 || isPassedOn ? [] : [`left out: ${ignored.join(", ")}`]),
    ...(mayBeCut(request, providerStates) ? ["the prompt may be cut to the model's context"] : []),
  ];
  return warnings.length === 0 ? {} : { "x-spillway-warning": warnings.join("; ") };
}

/** A token has at least one byte, so a prompt of fewer bytes than the context has tokens is whole. */
function mayBeCut(
  { route, body }: InferenceRequest,
  providerStates: Pick<ProviderStates, "get">,
): boolean {
  if (route.config.truncation !== "allow") return false;
  const bytes = Buffer.byteLength(body);
  const cuts = ({ provider, model, contextLength = Infinity }: CompiledTarget): boolean => {
    const known = providerStates.get(provider);
    if (known?.truncates !== true) return false;
    const length = Math.min(known.contextLengths[model] ?? Infinity, contextLength);
    return !Number.isFinite(length) || bytes > length;
  };
  return route.targets.some(cuts);
}
