import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../../config/config.ts";
import type { Database } from "../../shared/db/database.ts";
import { createEgressPolicy } from "../../shared/egress/egress-policy.ts";
import { readFileRange } from "../../shared/files/read-file-range.ts";
import { compileRoutes } from "../../shared/routing/compiled-route.ts";
import type { AcceptedQueue } from "../../shared/jobs/accepted-queue.ts";
import { findUsableKey } from "../../shared/keys/find-usable-key.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { BatchFeeder } from "./batch-feeder.ts";

export interface OpenBatchFeederOptions {
  readonly config: Config;
  readonly database: Database;
  readonly accepted: AcceptedQueue;
  readonly providerStates: ProviderStates;
  readonly reply: ReplySender;
  readonly log: FastifyBaseLogger;
  readonly workerId: () => string | undefined;
  readonly stop: (job: string, reason: string) => void;
}

/** Composes a worker's batch feeder. */
export function openBatchFeeder(options: OpenBatchFeederOptions): BatchFeeder {
  const { config, database } = options;
  const { pool } = database;
  const routes = compileRoutes(config);
  return new BatchFeeder({
    ...options,
    readFile: (file, start, end) => readFileRange(pool, file, start, end),
    findKey: (id) => findUsableKey(pool, id),
    hasModel: (name) => routes.has(name),
    maxLineBytes: config.server.bodyLimitBytes,
    bodyLimitBytes: config.server.bodyLimitBytes,
    routes,
    egress: createEgressPolicy(config.webhooks),
    random: Math.random,
    now: () => performance.now(),
  });
}
