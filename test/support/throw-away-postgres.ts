import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../../cli/embedded-postgres/embedded-postgres.ts";
import { readPidFile } from "../../cli/embedded-postgres/running-server.ts";
import { guardAgainstKill } from "./kill-guard.ts";

/** The data need not survive a power cut. */
const SETTINGS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

export interface ThrowAwayPostgres {
  readonly url: string;
  /** Resolves with the server's main process, or undefined when it does not run. */
  pid(): Promise<number | undefined>;
  /** Starts the server again at the same place, after it has ended. */
  revive(): Promise<void>;
  /** Stops the server and removes its files. */
  stop(): Promise<void>;
}

/**
 * Starts an embedded PostgreSQL in a temporary directory, which is also removed when this process
 * is killed. `prepare` may put a cluster into the directory first.
 */
export async function startThrowAwayPostgres(
  settings: Readonly<Record<string, string>> = {},
  prepare?: (directory: string) => Promise<void>,
): Promise<ThrowAwayPostgres> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-test-"));
  // When root runs this, PostgreSQL has a user of its own, which must be able to pass through.
  await chmod(directory, 0o711);
  const removeAll = async (filesDir: string): Promise<void> => {
    await rm(filesDir, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  };
  const start = async (): Promise<EmbeddedPostgres> => {
    await prepare?.(directory);
    return await startEmbeddedPostgres({
      dataDir: directory,
      log: () => undefined,
      settings: { ...SETTINGS, ...settings },
    });
  };
  const postgres = await start().catch(async (error: unknown) => {
    await removeAll(directory);
    throw error;
  });
  const pid = async (): Promise<number | undefined> => (await readPidFile(postgres.filesDir))?.pid;
  const guard = guardAgainstKill({ signal: "QUIT", directories: [postgres.filesDir, directory] });
  guard.watch(await pid());
  return {
    url: postgres.connectionString,
    pid,
    async revive() {
      await postgres.revive();
      guard.watch(await pid());
    },
    async stop() {
      // If this fails, the guard ends the server together with this process.
      await postgres.stop();
      await removeAll(postgres.filesDir);
      guard.release();
    },
  };
}
