import type { Config, ProviderConfig, RouteConfig, TargetConfig } from "./config.ts";
import type { ConfigFile } from "./schema.ts";

const DEFAULT_MAX_OUTPUT_TOKENS = 4_096;

type WrittenProvider = ConfigFile["providers"][string];
type WrittenModel = ConfigFile["models"][string];
type WrittenTarget = WrittenModel["serve"][number];

/** Names in the file's order, which is the order of preference. */
interface NameOrder {
  readonly providers: readonly string[];
  readonly models: readonly string[];
}

/** Converts a file that passed all checks into the configuration that the processes read. */
export function resolveConfig(file: ConfigFile, order: NameOrder): Config {
  return {
    server: {
      bodyLimitBytes: file.server.body_limit,
      queueLimitBytes: file.server.queue_limit,
      syncWaitMs: file.server.sync_wait,
      deadlineMs: file.server.deadline,
      asyncDeadlineMs: file.server.async_deadline,
      attachRetries: file.server.attach_retries,
      corsOrigins: file.server.cors_origins,
    },
    retention: { resultsMs: file.retention.results },
    webhooks: { allowNetworks: file.webhooks.allow_networks },
    providers: new Map(
      order.providers.map((name) => [name, resolveProvider(name, entry(file.providers, name))]),
    ),
    models: new Map(
      order.models.map((name) => [
        name,
        resolveModel(name, entry(file.models, name), file.providers),
      ]),
    ),
  };
}

function entry<Value>(section: Readonly<Record<string, Value>>, name: string): Value {
  const value = section[name];
  if (value === undefined) throw new Error(`no entry ${name}`);
  return value;
}

function resolveProvider(name: string, written: WrittenProvider): ProviderConfig {
  const { connect, first_byte: firstByte, idle } = written.timeouts;
  return {
    name,
    location: written.location,
    baseUrl: written.base_url,
    apiKey: written.api_key,
    ...(written.engine === undefined ? {} : { engine: written.engine }),
    slots: written.slots,
    timeouts: { connectMs: connect, firstByteMs: firstByte, idleMs: idle },
    responses: written.responses,
    streamUpstream: written.stream_upstream,
    ...(written.reasoning_field === undefined ? {} : { reasoningField: written.reasoning_field }),
    maxTokensField:
      written.max_tokens_field ??
      (written.location === "local" ? "max_tokens" : "max_completion_tokens"),
  };
}

function resolveModel(
  name: string,
  written: WrittenModel,
  providers: ConfigFile["providers"],
): RouteConfig {
  const { overflow_when: overflowWhen } = written;
  return {
    name,
    kind: written.kind ?? defaultKind(name),
    serve: written.serve.map((target) => resolveTarget(target, providers)),
    overflow: written.overflow.map((target) => resolveTarget(target, providers)),
    overflowWhen: { waitedMs: overflowWhen.waited, failed: overflowWhen.failed },
    noCapacity: written.no_capacity,
    maxOutputTokens: written.max_output_tokens ?? DEFAULT_MAX_OUTPUT_TOKENS,
    ...(written.max_output_tokens === undefined ? {} : { maxOutputTokensIsWritten: true }),
    truncation: written.truncation,
    outputCap: written.output_cap,
    maxAttempts: written.max_attempts,
    defaults: written.defaults,
  };
}

function resolveTarget(written: WrittenTarget, providers: ConfigFile["providers"]): TargetConfig {
  const price = written.price ?? providers[written.provider]?.price;
  if (price === undefined) throw new Error(`no price for ${written.provider} ${written.model}`);
  return {
    provider: written.provider,
    model: written.model,
    price,
    contextLength: written.context_length,
  };
}

/** The kind of a model whose entry in the file does not say. */
export function defaultKind(name: string): "chat" | "embedding" {
  return /embed/i.test(name) ? "embedding" : "chat";
}
