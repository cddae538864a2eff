import type { Pool, PoolClient } from "pg";
import { BrokerError } from "../errors/broker-error.ts";
import { inTransaction } from "../db/in-transaction.ts";
import { statement } from "../db/statement.ts";

export interface IdempotentCall {
  readonly keyId: string;
  /** The path without its query string. */
  readonly path: string;
  /** Undefined when the caller sent no idempotency key. */
  readonly idemKey: string | undefined;
  readonly bodyHash: Buffer;
}

export interface IdempotentAnswer {
  readonly status: number;
  /** The answer as JSON text. */
  readonly body: string;
  /** An earlier call produced the answer. */
  readonly replayed: boolean;
}

type Query = Pick<PoolClient, "query">;

/**
 * Does `work` once for each idempotency key and remembers its answer for 24 hours, both in one
 * transaction. Of concurrent calls one does the work, and the others get its answer. A failure is
 * not remembered. `prepare` runs before the transaction, and only when there is no answer yet.
 * Throws `BrokerError` `idempotency_conflict` when the key belongs to another body.
 */
export async function idempotentTransaction<Prepared>(
  pool: Pool,
  call: IdempotentCall,
  prepare: () => Promise<Prepared>,
  work: (client: PoolClient, prepared: Prepared) => Promise<{ status: number; body: unknown }>,
): Promise<IdempotentAnswer> {
  const known = call.idemKey === undefined ? undefined : await storedAnswer(pool, call);
  if (known !== undefined) return known;
  const prepared = await prepare();
  return inTransaction(pool, async (client) => {
    // The key is taken before the work, so that a call with the same key waits here and then finds
    // the answer.
    if (call.idemKey !== undefined && !(await takeKey(client, call))) {
      const other = await storedAnswer(client, call);
      if (other !== undefined) return other;
      throw new BrokerError("unavailable", "The same request is under way.", {
        retryAfterMs: 1_000,
      });
    }
    const done = await work(client, prepared);
    const answer = { status: done.status, body: JSON.stringify(done.body), replayed: false };
    if (call.idemKey !== undefined) await storeAnswer(client, call, answer);
    return answer;
  });
}

async function storedAnswer(
  database: Query,
  { keyId, path, idemKey, bodyHash }: IdempotentCall,
): Promise<IdempotentAnswer | undefined> {
  const { rows } = await database.query<{ same: boolean; status: number; response: Buffer }>(
    statement(
      "find_stored_answer",
      `select body_hash = $4 as same, status, response from idempotency_keys
       where key_id = $1 and path = $2 and idem_key = $3 and status is not null
         and created_at >= now() - interval '24 h'`,
      [keyId, path, idemKey, bodyHash],
    ),
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  if (!row.same)
    throw new BrokerError(
      "idempotency_conflict",
      "This Idempotency-Key was used with another body.",
      { param: "Idempotency-Key" },
    );
  return { status: row.status, body: row.response.toString(), replayed: true };
}

/** Waits for the transaction that holds the key. Returns false when the key is taken. */
async function takeKey(client: Query, call: IdempotentCall): Promise<boolean> {
  const taken = await client.query(
    statement(
      "take_idempotency_key",
      `insert into idempotency_keys (key_id, path, idem_key, body_hash) values ($1, $2, $3, $4)
       on conflict (key_id, path, idem_key) do update
         set body_hash = excluded.body_hash, job_id = null, status = null, response = null,
           created_at = now()
         where idempotency_keys.created_at < now() - interval '24 h'`,
      [call.keyId, call.path, call.idemKey, call.bodyHash],
    ),
  );
  return taken.rowCount === 1;
}

async function storeAnswer(
  client: Query,
  call: IdempotentCall,
  answer: IdempotentAnswer,
): Promise<void> {
  await client.query(
    statement(
      "store_answer",
      `update idempotency_keys set status = $4, response = $5
       where key_id = $1 and path = $2 and idem_key = $3`,
      [call.keyId, call.path, call.idemKey, answer.status, Buffer.from(answer.body)],
    ),
  );
}
