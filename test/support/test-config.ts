import type { Config, ProviderConfig, RouteConfig } from "../../config/config.ts";

function provider(name: string, location: "local" | "cloud"): ProviderConfig {
  return {
    name,
    location,
    baseUrl: "http://127.0.0.1:9/v1",
    apiKey: undefined,
    slots: 2,
    timeouts: { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 },
    responses: "auto",
    streamUpstream: true,
    maxTokensField: "max_tokens",
  };
}

/** Makes a model that is served from gpu-a, with the given fields. */
export function route(name: string, fields: Partial<RouteConfig> = {}): RouteConfig {
  return {
    name,
    kind: "chat",
    serve: [target("gpu-a")],
    overflow: [],
    overflowWhen: { waitedMs: 5_000, failed: true },
    noCapacity: "wait",
    maxOutputTokens: 1_000,
    outputCap: "lower",
    maxAttempts: 3,
    defaults: {},
    ...fields,
  };
}

/** Makes a target that costs $0.15 and $0.60 per 1M tokens by default. */
export function target(name: string, fields: Partial<RouteConfig["serve"][number]> = {}) {
  return {
    provider: name,
    model: `${name}-model`,
    price: { input: 0.15, output: 0.6 },
    contextLength: undefined,
    ...fields,
  };
}

const ROUTES = [
  route("embed-small", { kind: "embedding" }),
  route("chat-small", { overflow: [target("cloud")], defaults: { top_k: 20 } }),
  route("vendor/base-7b", { kind: "completion" }),
  route("cloud-only", { serve: [target("cloud")] }),
  route("impatient", { noCapacity: "reject" }),
  route("chat-free", { serve: [target("gpu-a", { price: { input: 0, output: 0 } })] }),
];

/** Makes a configuration with two local providers and a cloud. */
export function testConfig(server: Partial<Config["server"]> = {}): Config {
  const providers = [
    provider("gpu-a", "local"),
    provider("gpu-b", "local"),
    provider("cloud", "cloud"),
  ];
  return {
    server: {
      bodyLimitBytes: 1_000_000,
      queueLimitBytes: 1e9,
      syncWaitMs: 60_000,
      deadlineMs: 120_000,
      asyncDeadlineMs: 600_000,
      attachRetries: false,
      corsOrigins: ["*"],
      ...server,
    },
    retention: { resultsMs: 86_400_000 },
    webhooks: { allowNetworks: [] },
    providers: new Map(providers.map((each) => [each.name, each])),
    models: new Map(ROUTES.map((each) => [each.name, each])),
  };
}
