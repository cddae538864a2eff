import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { INSTANCE_LOCK } from "../../shared/processes/advisory-locks.ts";
import { statement } from "../../shared/db/statement.ts";

/** The session of a predecessor that was just killed may take this long to disappear. */
const PATIENCE_MS = 3_000;
const RETRY_MS = 100;

/** The right of one process to be the all-in-one Spillway of a database. */
export interface InstanceLock {
  /** Resolves when the session has ended, and the lock with it, whether or not it was released. */
  readonly lost: Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lock on its own connection, which keeps it until it is released or until this process
 * or the server ends. Resolves with null when another live process has held it for 3 s. Throws
 * connection errors.
 */
export async function takeInstanceLock(connectionString: string): Promise<InstanceLock | null> {
  const client = new Client({
    connectionString,
    application_name: "spillway-instance",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  client.on("error", () => resolve());
  client.on("end", () => resolve());
  try {
    await client.connect();
    const begunAtMs = performance.now();
    for (;;) {
      const answer = await client.query<{ taken: boolean }>(
        statement("take_instance_lock", "SELECT pg_try_advisory_lock($1::bigint) AS taken", [
          INSTANCE_LOCK,
        ]),
      );
      if (answer.rows[0]?.taken === true) return { lost, release: () => client.end() };
      if (performance.now() - begunAtMs > PATIENCE_MS) break;
      await sleep(RETRY_MS);
    }
  } catch (error) {
    await client.end();
    throw error;
  }
  await client.end();
  return null;
}
