import { Client } from "pg";
import { INSTANCE_LOCK } from "../../shared/processes/advisory-locks.ts";

/** Any other fixed number: held shared by every command while it works. */
const useLockKey = "8318264426150453626";

/** One command's use of a server that others may use too. */
export interface ServerUse {
  /**
   * Ends the use. With nobody else on the server, calls `stop` first: whoever comes meanwhile
   * waits, and finds the connection ended.
   */
  end(stop: () => Promise<void>): Promise<void>;
}

/** Takes part in the use of a server, on a connection of its own. Throws what that throws. */
export async function useServer(connectionString: string): Promise<ServerUse> {
  const client = new Client({
    connectionString,
    application_name: "spillway-command",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // A server that ends is seen by the next query.
  client.on("error", () => undefined);
  const ask = async (lock: string, key: string): Promise<boolean> => {
    const answer = await client.query<{ taken: boolean }>(`SELECT ${lock}($1::bigint) AS taken`, [
      key,
    ]);
    return answer.rows[0]?.taken === true;
  };
  try {
    await client.connect();
    await ask("pg_advisory_lock_shared", useLockKey);
  } catch (error) {
    await client.end();
    throw error;
  }
  const isLast = async (): Promise<boolean> => {
    await ask("pg_advisory_unlock_shared", useLockKey);
    return (
      (await ask("pg_try_advisory_lock", useLockKey)) &&
      (await ask("pg_try_advisory_lock", INSTANCE_LOCK))
    );
  };
  return {
    async end(stop) {
      const last = await isLast().catch(() => false); // false: the server has ended already
      if (last) await stop();
      await client.end();
    },
  };
}
