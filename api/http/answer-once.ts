import { hash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Pool, PoolClient } from "pg";
import {
  idempotentTransaction,
  type IdempotentAnswer,
} from "../../shared/idempotency/idempotent-transaction.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { callerOf } from "./authenticate-caller.ts";
import { idempotencyKeyOf } from "./idempotency-key.ts";

interface Once<Prepared> {
  /** Runs outside the transaction, and only when no answer is stored yet. */
  readonly prepare: () => Promise<Prepared>;
  readonly work: (client: PoolClient, prepared: Prepared) => Promise<unknown>;
  /** The hash that two requests under one key must share; by default that of the body. */
  readonly bodyHash?: Buffer;
}

/** Does the work of a POST once for each `Idempotency-Key`. */
export function doOnce<Prepared>(
  request: FastifyRequest,
  pool: Pool,
  { prepare, work, bodyHash }: Once<Prepared>,
): Promise<IdempotentAnswer> {
  const call = {
    keyId: callerOf(request).id,
    path: request.url.split("?", 1)[0] ?? "",
    idemKey: idempotencyKeyOf(request.headers),
    bodyHash:
      bodyHash ?? hash("sha256", (request.body as Buffer | undefined) ?? Buffer.alloc(0), "buffer"),
  };
  return askDatabase(() =>
    idempotentTransaction(pool, call, prepare, async (client, prepared) => ({
      status: 200,
      body: await work(client, prepared),
    })),
  );
}

/** Does the work of a POST as `doOnce` does, and sends the answer. */
export async function answerOnce<Prepared>(
  request: FastifyRequest,
  reply: FastifyReply,
  pool: Pool,
  once: Once<Prepared>,
): Promise<FastifyReply> {
  return sendOnce(reply, await doOnce(request, pool, once));
}

/** Sends an answer that `doOnce` returned. */
export function sendOnce(reply: FastifyReply, answer: IdempotentAnswer): FastifyReply {
  if (answer.replayed) reply.header("idempotent-replayed", "true");
  return reply
    .code(answer.status)
    .header("cache-control", "no-store")
    .type("application/json; charset=utf-8")
    .send(answer.body);
}
