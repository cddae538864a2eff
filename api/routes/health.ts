import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Database } from "../../shared/db/database.ts";
import type { ProviderQueues } from "../../shared/queue/provider-queues.ts";
import { statement } from "../../shared/db/statement.ts";

export interface HealthDeps {
  readonly database: Pick<Database, "pool">;
  readonly queues: ProviderQueues;
  /** Any provider; its queue stands for all queues. */
  readonly provider: string;
}

const ANSWER_WITHIN_MS = 1_000;

/**
 * `GET /health/live` says that the process runs. `GET /health/ready`, and `GET /health` as well, say
 * whether database and queue answer within 1 s.
 */
export function addHealth(app: FastifyInstance, deps: HealthDeps): void {
  app.get("/health/live", () => ({ status: "ok" }));

  const answerReady = async (_request: FastifyRequest, reply: FastifyReply): Promise<object> => {
    const reasons = (
      await Promise.all([
        problem("database", deps.database.pool.query(statement("check_health", "select 1"))),
        problem("queue", deps.queues.has(deps.provider, "health-check", 0)),
      ])
    ).filter((reason) => reason !== undefined);
    if (reasons.length === 0) return { status: "ok" };
    return await reply.code(503).send({ status: "unavailable", reasons });
  };
  app.get("/health", answerReady);
  app.get("/health/ready", answerReady);
}

async function problem(name: string, answer: Promise<unknown>): Promise<string | undefined> {
  const timeout = new AbortController();
  const late = sleep(ANSWER_WITHIN_MS, true, { signal: timeout.signal }).catch(() => false);
  try {
    const isLate = await Promise.race([late, answer.then(() => false)]);
    return isLate ? `${name}: no answer within ${ANSWER_WITHIN_MS} ms` : undefined;
  } catch {
    return `${name}: not reachable`;
  } finally {
    timeout.abort();
  }
}
