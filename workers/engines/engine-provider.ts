import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { Provider, ProviderCall, ProviderSink } from "../provider.ts";
import type { EngineWatch } from "./engine-watch.ts";

/** A provider whose calls are made to suit its engine, and tell what is known of it. */
export function engineProvider(inner: Provider, watch: EngineWatch): Provider {
  const { name } = inner;
  return {
    ...inner,
    async call(request: ProviderCall, sink: ProviderSink) {
      const outcome = await inner.call(request, sink);
      note(watch, name, request.model, outcome);
      return outcome;
    },
  };
}

/** What an outcome says of the configuration: a wrong name, a wrong key, or that all is well. */
function note(watch: EngineWatch, provider: string, model: string, outcome: ProviderOutcome): void {
  if (outcome.kind === "ok") watch.succeeded(provider, model);
  if (outcome.kind !== "failed") return;
  if (outcome.reason !== "not_found" && outcome.reason !== "auth") return;
  const { status, error } = outcome;
  const words = error === undefined ? "nothing more" : `"${error.message}"`;
  watch.refused(provider, model, status === undefined ? words : `HTTP ${status} ${words}`);
}
