import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../../config/config.ts";
import type { Database } from "../../shared/db/database.ts";
import { reportEngine } from "../../shared/db/report-engine.ts";
import { EngineWatch } from "./engine-watch.ts";

/** An engine watch that tells the log of problems, and the database of everything. */
export function openEngineWatch(deps: {
  readonly config: Config;
  readonly database: Pick<Database, "pool">;
  readonly log: FastifyBaseLogger;
}): EngineWatch {
  const { config, database, log } = deps;
  return new EngineWatch({
    providers: config.providers,
    models: config.models,
    now: Date.now,
    onProblem: (provider, { code, message }) => {
      log.warn({ provider, problem: code }, message);
    },
    onState: (provider, state) => {
      reportEngine(database.pool, provider, state).catch((error: unknown) => {
        log.warn({ err: error, provider }, "what is known of an engine was not written down");
      });
    },
  });
}
