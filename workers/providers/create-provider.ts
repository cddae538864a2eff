import type { ProviderConfig } from "../../config/config.ts";
import type { EngineInfo } from "../engines/engine-info.ts";
import { callProvider, type Upstream } from "./call.ts";
import { failed } from "./call-end.ts";
import { createConnections } from "./http/connections.ts";
import { defaultReadLimits, type ReadLimits } from "./http/read-limits.ts";
import { openAiFormat } from "./openai/openai-format.ts";
import { checkKey, probe } from "./probe.ts";
import type { Provider } from "./provider.ts";

const PROBE_TIMEOUT_MS = 3000;

export interface ProviderOptions {
  /** Returns the engine as far as it is known by now. */
  readonly engine: () => EngineInfo;
  readonly limits?: ReadLimits;
  /** Unix time in milliseconds. */
  readonly now?: () => number;
}

/**
 * Makes a provider over HTTP/1.1, with a connection pool of its own. Throws when the API key cannot
 * be sent in a header.
 */
export function createProvider(
  config: ProviderConfig,
  { engine, limits = defaultReadLimits, now = Date.now }: ProviderOptions,
): Provider {
  const { name, apiKey, timeouts } = config;
  const baseUrl = new URL(config.baseUrl);
  const upstream: Upstream = {
    format: openAiFormat({ config, limits, now, engine }),
    baseUrl,
    connections: createConnections(baseUrl.origin, config.slots, timeouts.connectMs),
    exchanges: new Set(),
    timeouts,
    limits,
    apiKey,
    engine,
  };
  const { format, connections, exchanges } = upstream;
  return {
    name,
    call: (call, sink) => callProvider(upstream, call, sink),
    probe: (signal) => probe(format, PROBE_TIMEOUT_MS, signal),
    checkKey: (signal) => checkKey(format, PROBE_TIMEOUT_MS, signal),
    cutSilent(silentMs) {
      for (const exchange of exchanges)
        if (exchange.silentMs() >= silentMs)
          exchange.stop(failed("cut", "silent, while the provider refuses connections"));
    },
    close: () => connections.close(),
  };
}
