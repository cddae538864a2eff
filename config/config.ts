import type { EngineName } from "./engine-name.ts";

/** USD per million tokens, as written in the file. */
interface PriceConfig {
  readonly input: number;
  readonly output: number;
}

/** One upstream endpoint, defaults filled in and secrets resolved. */
export interface ProviderConfig {
  readonly name: string;
  readonly location: "local" | "cloud";
  /** Without a trailing slash, e.g. `http://10.0.0.5:8000/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  /** What serves there, where the file says so. */
  readonly engine?: EngineName;
  /** Requests in flight, over the whole fleet. */
  readonly slots: number;
  readonly timeouts: {
    readonly connectMs: number;
    /** Streams: the first event. Others: the whole answer's first byte. */
    readonly firstByteMs: number;
    readonly idleMs: number;
  };
  /** How it serves `/v1/responses`: itself, through chat completions, or as is best for its engine. */
  readonly responses: "native" | "translate" | "auto";
  /** Whole answers are asked for as streams and put together. */
  readonly streamUpstream: boolean;
  /** Where a message takes back what its model thought; left out: as is known of the host. */
  readonly reasoningField?: "reasoning_content" | "reasoning" | "none";
  /** The field in which this upstream takes the output cap of a chat completion. */
  readonly maxTokensField: "max_tokens" | "max_completion_tokens";
}

export interface TargetConfig {
  readonly provider: string;
  readonly model: string;
  /** The target's own price, else its provider's. */
  readonly price: PriceConfig;
  /** Tokens; undefined when the file does not say. */
  readonly contextLength: number | undefined;
}

/** A public model name and where its jobs may go. */
export interface RouteConfig {
  readonly name: string;
  readonly kind: "chat" | "completion" | "embedding";
  readonly serve: readonly TargetConfig[];
  readonly overflow: readonly TargetConfig[];
  readonly overflowWhen: {
    /** Waiting time before dialling after which a job may overflow; null: never for waiting. */
    readonly waitedMs: number | null;
    /** Overflow when the serve targets failed the job. */
    readonly failed: boolean;
  };
  /** With no target up: wait until the deadline, or answer 503 at once. */
  readonly noCapacity: "wait" | "reject";
  readonly maxOutputTokens: number;
  /** The file says so itself. */
  readonly maxOutputTokensIsWritten?: true;
  /** A prompt of which an engine would silently answer a part only; left out: `refuse`. */
  readonly truncation?: "refuse" | "allow";
  /** A request that asks for more output gets this much, or a 400. */
  readonly outputCap: "lower" | "refuse";
  readonly maxAttempts: number;
  /** Request fields filled in when the caller leaves them out. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** The configuration file, checked and complete. Providers and routes keep the file's order. */
export interface Config {
  readonly server: {
    readonly bodyLimitBytes: number;
    /** Request bodies that may wait or run at once, over all API processes. */
    readonly queueLimitBytes: number;
    /** The longest that a caller waits on an open connection without a stream. */
    readonly syncWaitMs: number;
    /** A job's deadline when neither request nor key sets one. */
    readonly deadlineMs: number;
    /** The same for jobs whose caller does not wait on the connection. */
    readonly asyncDeadlineMs: number;
    /** An SDK's automatic retry joins the job of its lost connection. */
    readonly attachRetries: boolean;
    /** Origins of web pages whose scripts may call the API; `*`: of all. */
    readonly corsOrigins: readonly string[];
  };
  readonly retention: {
    /** How long results of accepted jobs are kept after their end. */
    readonly resultsMs: number;
  };
  readonly webhooks: {
    /** CIDR networks that tenants' addresses may reach although they are internal. */
    readonly allowNetworks: readonly string[];
  };
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly models: ReadonlyMap<string, RouteConfig>;
}
