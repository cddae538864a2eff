import type { EngineName } from "./engine-name.ts";

/** USD per million tokens, as written in the file. */
interface PriceConfig {
  readonly input: number;
  readonly output: number;
}

/** One upstream endpoint, with defaults filled in and secrets resolved. */
export interface ProviderConfig {
  readonly name: string;
  readonly location: "local" | "cloud";
  /** The URL has no trailing slash, e.g. `http://10.0.0.5:8000/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  /** The engine behind the URL, when the file names it. */
  readonly engine?: EngineName;
  /** How many requests may be in flight at once, over the whole fleet. */
  readonly slots: number;
  readonly timeouts: {
    readonly connectMs: number;
    /**
     * For a stream the time to its first event, otherwise to the first byte of the whole answer.
     */
    readonly firstByteMs: number;
    readonly idleMs: number;
  };
  /**
   * The provider serves `/v1/responses` itself, through chat completions, or as is best for its
   * engine.
   */
  readonly responses: "native" | "translate" | "auto";
  /**
   * Requests a stream also when the caller wants a whole answer, and assembles the answer from it.
   */
  readonly streamUpstream: boolean;
  /**
   * The field of a message that takes back the model's earlier reasoning. Undefined means the field
   * that this host is known to use.
   */
  readonly reasoningField?: "reasoning_content" | "reasoning" | "none";
  /** The field in which this upstream takes the output cap of a chat completion. */
  readonly maxTokensField: "max_tokens" | "max_completion_tokens";
}

export interface TargetConfig {
  readonly provider: string;
  readonly model: string;
  /** The target's own price, or else its provider's. */
  readonly price: PriceConfig;
  /** In tokens; undefined when the file does not say. */
  readonly contextLength: number | undefined;
}

/** A public model name and the targets of its jobs. */
export interface RouteConfig {
  readonly name: string;
  readonly kind: "chat" | "completion" | "embedding";
  readonly serve: readonly TargetConfig[];
  readonly overflow: readonly TargetConfig[];
  readonly overflowWhen: {
    /**
     * How long a job waits to be sent before it may overflow; null means that waiting never makes
     * it overflow.
     */
    readonly waitedMs: number | null;
    /** Tells whether a job may overflow after the serve targets failed it. */
    readonly failed: boolean;
  };
  /** When no target is up, a job waits until its deadline or gets 503 at once. */
  readonly noCapacity: "wait" | "reject";
  readonly maxOutputTokens: number;
  /** Set when the file itself contains `max_output_tokens`. */
  readonly maxOutputTokensIsWritten?: true;
  /**
   * Engines would silently shorten some prompts: they are refused or allowed; undefined means
   * `refuse`.
   */
  readonly truncation?: "refuse" | "allow";
  /** A request that asks for more than `maxOutputTokens` gets that much, or a 400. */
  readonly outputCap: "lower" | "refuse";
  readonly maxAttempts: number;
  /** Request fields to fill in when the caller omits them. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** The checked and complete configuration. Providers and models keep the file's order. */
export interface Config {
  readonly server: {
    readonly bodyLimitBytes: number;
    /** Bytes of request bodies that may wait or run at once, over all API processes. */
    readonly queueLimitBytes: number;
    /** How long a caller without a stream may wait on an open connection. */
    readonly syncWaitMs: number;
    /** A job's deadline when neither the request nor the key sets one. */
    readonly deadlineMs: number;
    /** The same for jobs whose caller does not wait on the connection. */
    readonly asyncDeadlineMs: number;
    /** Tells whether an SDK's automatic retry joins the job of its lost connection. */
    readonly attachRetries: boolean;
    /** Origins of web pages whose scripts may call the API; `*` allows all. */
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
