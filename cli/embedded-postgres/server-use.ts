import { Client } from "pg";
import { INSTANCE_LOCK } from "../../shared/processes/advisory-locks.ts";
import { statement } from "../../shared/db/statement.ts";

/**
 * Any fixed number other than `INSTANCE_LOCK`. Every command holds this lock shared while it works.
 */
const USE_LOCK = "8318264426150453626";

/** One command's use of a server that others may use too. */
export interface ServerUse {
  /**
   * Ends the use. When nobody else uses the server, calls `stop` first; a command that starts
   * meanwhile waits, and then finds its connection ended.
   */
  end(stop: () => Promise<void>): Promise<void>;
}

/** Registers a use of the server, on its own connection. Throws connection errors. */
export async function useServer(connectionString: string): Promise<ServerUse> {
  const client = new Client({
    connectionString,
    application_name: "spillway-command",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // The next query reports a server that ends.
  client.on("error", () => undefined);
  const ask = async (lock: string, key: string): Promise<boolean> => {
    const answer = await client.query<{ taken: boolean }>(
      statement("lock_server_use", `SELECT ${lock}($1::bigint) AS taken`, [key]),
    );
    return answer.rows[0]?.taken === true;
  };
  try {
    await client.connect();
    await ask("pg_advisory_lock_shared", USE_LOCK);
  } catch (error) {
    await client.end();
    throw error;
  }
  const isLast = async (): Promise<boolean> => {
    await ask("pg_advisory_unlock_shared", USE_LOCK);
    return (
      (await ask("pg_try_advisory_lock", USE_LOCK)) &&
      (await ask("pg_try_advisory_lock", INSTANCE_LOCK))
    );
  };
  return {
    async end(stop) {
      const last = await isLast().catch(() => false); // A failure means that the server has ended already.
      if (last) await stop();
      await client.end();
    },
  };
}
