import { chmod, mkdir, rm } from "node:fs/promises";
import { Client } from "pg";
import { startEmbeddedPostgres } from "../../../cli/embedded-postgres/embedded-postgres.ts";
import { parentOf } from "../measure/cpu-time.ts";

/** The server is durable and has the settings of the embedded one. */
export interface BenchPostgres {
  readonly url: string;
  /** The server's first process has started the others. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts the embedded PostgreSQL on a directory, or uses the one that already runs there. */
export async function benchPostgres(dataDir: string): Promise<BenchPostgres> {
  await mkdir(dataDir, { recursive: true });
  // When root runs this, PostgreSQL has a user of its own, which must be able to pass through.
  await chmod(dataDir, 0o711);
  const postgres = await startEmbeddedPostgres({ dataDir, log: () => undefined });
  const client = new Client({ connectionString: postgres.connectionString });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const pid = parentOf(rows[0]?.pid ?? 0);
  await client.end();
  return {
    url: postgres.connectionString,
    pid,
    async stop() {
      await postgres.stop();
      await rm(postgres.filesDir, { recursive: true, force: true });
    },
  };
}
