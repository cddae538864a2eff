/** The parts by which the CPU time of a request is divided. */
export type Part = "broker" | "API" | "worker" | "Redis" | "PostgreSQL" | "gateway";

/** One way to the simulated upstream. */
export interface System {
  readonly name: SystemName;
  /** The base URL, which ends with `/v1`. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The number of each part's process, whose descendants count too. */
  readonly processes: Readonly<Partial<Record<Part, number>>>;
  /** The database's URL; undefined when the system commits nothing. */
  readonly databaseUrl: string | undefined;
  stop(): Promise<void>;
}

/** The names are in the order of the table. */
export const gatewayNames = ["forwarder", "portkey", "embedded", "split"] as const;
export type GatewayName = (typeof gatewayNames)[number];
/** `upstream` means calls without a gateway. */
export type SystemName = "upstream" | GatewayName;

export const PORTKEY_VERSION = "1.15.2";

/** The systems' names in the report. */
export const TITLES: Readonly<Record<SystemName, string>> = {
  upstream: "upstream, called directly",
  forwarder: "Fastify + undici forwarder",
  portkey: `Portkey gateway ${PORTKEY_VERSION}`,
  embedded: "Spillway, embedded default",
  split: "Spillway, API + worker on Redis",
};

/** The arguments for starting any system. */
export interface SystemOptions {
  /** The URL has no path. */
  readonly upstreamUrl: string;
  /** The directory for files of this run. */
  readonly runDir: string;
  /** The directory for files that later runs use again. */
  readonly cacheDir: string;
  /** The source tree of Spillway to run; this one by default. */
  readonly checkout?: string;
  /** The provider's slots; by default so many that they limit nothing. */
  readonly slots?: number;
  /** Returns the arguments of Node for a Spillway process of this name. */
  readonly nodeArgs?: (processName: string) => readonly string[];
}
