import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../../config/config.ts";
import type { UnhandledErrorCounts } from "../../shared/metrics/unhandled-errors-counter.ts";
import type { Cadences } from "../../shared/timing/cadences.ts";

/** The options of every process of a fleet. */
export interface ProcessOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  /** The URL past a pooler, for session locks. */
  readonly directUrl: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly log: FastifyBaseLogger;
  /** Counts for the metrics. */
  readonly unhandledErrors?: Readonly<UnhandledErrorCounts>;
  /** Only tests set these, since their loops need not run as often. */
  readonly cadences?: Cadences | undefined;
}
