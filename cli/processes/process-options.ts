import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../../config/config.ts";
import type { UnhandledErrorCounts } from "../../shared/metrics/unhandled-errors-counter.ts";
import type { Cadences } from "../../shared/timing/cadences.ts";

/** What every process of a fleet is told. */
export interface ProcessOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  /** Past a pooler, for session locks. */
  readonly directUrl: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly log: FastifyBaseLogger;
  /** For the metrics. */
  readonly unhandledErrors?: Readonly<UnhandledErrorCounts>;
  /** For tests, whose loops need not run as often. */
  readonly cadences?: Cadences | undefined;
}
