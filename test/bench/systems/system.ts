/** What the CPU time of a request is split by. */
export type Part = "broker" | "API" | "worker" | "Redis" | "PostgreSQL" | "gateway";

/** One way to the simulated upstream. */
export interface System {
  readonly name: SystemName;
  /** Ends with `/v1`. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A process and all below it. */
  readonly processes: Readonly<Partial<Record<Part, number>>>;
  /** Undefined: it commits nothing. */
  readonly databaseUrl: string | undefined;
  stop(): Promise<void>;
}

/** In the order of the table. */
export const gatewayNames = ["forwarder", "portkey", "embedded", "split"] as const;
export type GatewayName = (typeof gatewayNames)[number];
/** `upstream` is the way without anything between. */
export type SystemName = "upstream" | GatewayName;

export const portkeyVersion = "1.15.2";

/** What the report calls them. */
export const titles: Readonly<Record<SystemName, string>> = {
  upstream: "upstream, called directly",
  forwarder: "Fastify + undici forwarder",
  portkey: `Portkey gateway ${portkeyVersion}`,
  embedded: "Spillway, embedded default",
  split: "Spillway, API + worker on Redis",
};

/** What every system is told. */
export interface SystemOptions {
  /** Without a path. */
  readonly upstreamUrl: string;
  /** For files of this run. */
  readonly runDir: string;
  /** For what later runs use again. */
  readonly cacheDir: string;
  /** The source tree of Spillway that runs; this one by default. */
  readonly checkout?: string;
  /** Of the provider; by default so many that they limit nothing. */
  readonly slots?: number;
  /** Arguments of Node for a Spillway process of that name. */
  readonly nodeArgs?: (processName: string) => readonly string[];
}
