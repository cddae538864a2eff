import { type Binaries, findBinaries } from "./binaries.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { connectionStringOf, ensureDatabase } from "./database.ts";
import { placeCluster } from "./placement.ts";
import { startPostmaster, stopPostmaster } from "./postmaster.ts";
import type { RunningServer } from "./running-server.ts";

const MAX_STARTS = 3;

export interface EmbeddedPostgresOptions {
  /** Created when missing. */
  readonly dataDir: string;
  readonly log: (line: string) => void;
  /** The system user that PostgreSQL runs as when root starts it; created when missing. */
  readonly serverUser?: string;
  /** Root's files go here when that user cannot reach `dataDir` or the programs. */
  readonly systemDir?: string;
  /**
   * Server settings that replace the defaults. `fsync: "off"` makes the whole cluster disposable.
   */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** Leads to the database `spillway`, and contains the password. */
  readonly connectionString: string;
  /**
   * Tells whether the server was already running, as a leftover or for another Spillway process.
   */
  readonly adopted: boolean;
  /** The directory of the cluster, its password and its log. */
  readonly filesDir: string;
  /** Lines that a user should see, such as where the files are. */
  readonly notices: readonly string[];
  /**
   * Starts the server again at the same port when it has ended, and waits while it recovers.
   * Resolves with true when it had ended. Throws an `Error` when it cannot run at that port again.
   */
  revive(): Promise<boolean>;
  /** Ends every connection and stops the server, adopted or not. Later calls do nothing more. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL that comes with Spillway, or adopts the one that already runs on the same
 * data. It listens on a free port of 127.0.0.1 only, and runs on after this process until it is
 * stopped. `takeInstanceLock` decides who may use the data. Throws an `Error` that says what to do
 * when there are no programs for this platform, when another major version wrote the data, when
 * files are out of reach, or when the server fails to start.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const settings = options.settings ?? {};
  const { filesDir, user, binaries, notices } = await placeCluster({
    dataDir: options.dataDir,
    systemDir: options.systemDir ?? "/var/lib/spillway",
    serverUser: options.serverUser ?? "spillway",
    binaries: await findBinaries(),
  });
  const durable = settings["fsync"] !== "off";
  const cluster = await openCluster(filesDir, binaries, user, { durable, log: options.log });
  const server = await startWithDatabase(cluster, binaries, settings);
  options.log(
    `PostgreSQL ${binaries.major} ${server.adopted ? "was running already and is used" : "runs"} ` +
      `on 127.0.0.1:${server.port}, process ${server.pid}`,
  );
  const address = { port: server.port, password: cluster.password };
  let stopped: Promise<void> | undefined;
  const samePort = (): Promise<number> => Promise.resolve(server.port);
  return {
    connectionString: connectionStringOf(address, "spillway"),
    adopted: server.adopted,
    filesDir,
    notices,
    async revive() {
      const again = await startPostmaster(cluster, binaries, settings, samePort);
      if (again.port === server.port) return !again.adopted;
      throw new Error(
        `PostgreSQL was started again by another program, on port ${again.port} instead of ` +
          `${server.port}: start Spillway again`,
      );
    },
    stop: () => (stopped ??= stopPostmaster(cluster, binaries)),
  };
}

/** The server that is found may be one that another process is just stopping. */
async function startWithDatabase(
  cluster: Cluster,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
): Promise<RunningServer & { readonly adopted: boolean }> {
  for (let starts = 1; ; starts += 1) {
    const server = await startPostmaster(cluster, binaries, settings);
    try {
      await ensureDatabase({ port: server.port, password: cluster.password }, "spillway");
      return server;
    } catch (error) {
      if (!server.adopted) await stopPostmaster(cluster, binaries);
      if (!server.adopted || starts === MAX_STARTS) throw error;
    }
  }
}
