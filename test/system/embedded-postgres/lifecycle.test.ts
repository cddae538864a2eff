import { readFileSync } from "node:fs";
import { rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { type Binaries, findBinaries } from "../../../cli/embedded-postgres/binaries.ts";
import { type Cluster, openCluster } from "../../../cli/embedded-postgres/cluster.ts";
import { startEmbeddedPostgres } from "../../../cli/embedded-postgres/embedded-postgres.ts";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { placeCluster } from "../../../cli/embedded-postgres/placement.ts";
import { startPostmaster, stopPostmaster } from "../../../cli/embedded-postgres/postmaster.ts";
import {
  fastSettings,
  firstRow,
  nextJson,
  options,
  postmasterPid,
  scratchDir,
  startInChild,
  usedDir,
} from "./scratch.ts";

test("a fresh directory gets a UTF-8 database with durable settings and a private password", async () => {
  const dataDir = join(await scratchDir(), "not", "made", "yet");
  const postgres = await startEmbeddedPostgres({ dataDir, log: () => undefined });
  expect(postgres.adopted).toBe(false);
  const row = await firstRow(
    postgres.connectionString,
    `SELECT current_database() AS name, pg_encoding_to_char(encoding) AS encoding,
       datcollate, datctype, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS durable,
       current_setting('listen_addresses') AS listens,
       current_setting('unix_socket_directories') AS sockets
     FROM pg_database WHERE datname = current_database()`,
  );
  expect(row).toEqual({
    name: "spillway",
    encoding: "UTF8",
    datcollate: "C",
    datctype: "C",
    fsync: "on",
    durable: "on",
    listens: "127.0.0.1",
    sockets: "",
  });
  const password = await stat(join(postgres.filesDir, "password"));
  expect(password.mode & 0o777).toBe(0o600);
  await postgres.stop();
});

test("a wrong password is refused", async () => {
  const postgres = await startEmbeddedPostgres(options(await usedDir()));
  const url = new URL(postgres.connectionString);
  url.password = "guess";
  await expect(firstRow(url.toString(), "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
  await postgres.stop();
});

test("a restart finds the data, and stop ends open connections and may be repeated", async () => {
  const dataDir = await usedDir();
  const first = await startEmbeddedPostgres(options(dataDir));
  await firstRow(first.connectionString, "CREATE TABLE kept AS SELECT 'still here' AS word");
  const open = new Client({ connectionString: first.connectionString });
  const ended = new Promise((resolve) => open.on("error", resolve));
  await open.connect();
  await Promise.all([first.stop(), first.stop(), ended]);
  await first.stop();

  const second = await startEmbeddedPostgres(options(dataDir));
  expect(second.adopted).toBe(false);
  expect(await firstRow(second.connectionString, "SELECT word FROM kept")).toEqual({
    word: "still here",
  });
  await second.stop();
  await expect(firstRow(second.connectionString, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
});

test.runIf(process.platform === "linux")(
  "the server is in a session of its own, out of reach of the terminal's Ctrl-C",
  async () => {
    const postgres = await startEmbeddedPostgres(options(await usedDir()));
    const pid = postmasterPid(postgres.filesDir);
    const server = sessionOf(pid);
    const own = sessionOf(process.pid);
    expect(server).toEqual({ group: pid, session: pid });
    expect(own.group).not.toBe(pid);
    expect(own.session).not.toBe(pid);
    await postgres.stop();
  },
);

test.each([
  ["an unknown locale", { LC_ALL: "xx_YY.bogus" }],
  [
    "another language and PostgreSQL's own variables",
    {
      LANG: "de_DE.UTF-8",
      PGPORT: "1",
      PGHOST: "/nowhere",
      PGDATA: "/nowhere",
      PGSSLMODE: "require",
      PGDATABASE: "other",
    },
  ],
])("the host's environment does not matter: %s", async (_what, env) => {
  const child = startInChild(await scratchDir(), { PATH: process.env["PATH"], ...env });
  const { connectionString } = await nextJson(child);
  const row = await firstRow(
    String(connectionString),
    `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, current_setting('lc_messages') AS messages
     FROM pg_database WHERE datname = current_database()`,
  );
  expect(row).toEqual({ encoding: "UTF8", datcollate: "C", messages: "C" });
});

test.each(["a fresh directory", "an existing cluster"])(
  "of three starts at once on %s one starts the server and the others adopt it",
  async (state) => {
    const dataDir = state === "an existing cluster" ? await usedDir() : await scratchDir();
    const starts = await Promise.all([1, 2, 3].map(() => startEmbeddedPostgres(options(dataDir))));
    expect(starts.filter((start) => !start.adopted)).toHaveLength(1);
    expect(new Set(starts.map((start) => start.connectionString)).size).toBe(1);
    await starts[0]?.stop();
  },
);

test("a port that was taken in the meantime is given up for another", async () => {
  const taken = createServer();
  const takenPort = await new Promise<number>((resolve) => {
    taken.listen(0, "127.0.0.1", () => {
      const address = taken.address();
      resolve(address !== null && typeof address === "object" ? address.port : 0);
    });
  });
  onTestFinished(() => void taken.close());
  const { cluster, binaries } = await freshCluster();
  const ports = [takenPort, await freePort()];
  const chosen: number[] = [];
  const server = await startPostmaster(cluster, binaries, fastSettings, () => {
    const port = ports[chosen.length] ?? 0;
    chosen.push(port);
    return Promise.resolve(port);
  });
  expect(chosen).toEqual(ports);
  expect(server).toMatchObject({ adopted: false, port: ports[1] });
  await stopPostmaster(cluster, binaries);
});

test("a lock file that another start has made but not yet written is waited for", async () => {
  const { cluster, binaries } = await freshCluster();
  const lockFile = join(cluster.filesDir, "data", "postmaster.pid");
  let starts = 0;
  const server = await startPostmaster(cluster, binaries, fastSettings, async () => {
    starts += 1;
    if (starts === 1) await writeFile(lockFile, "", { mode: 0o644 });
    else await rm(lockFile, { force: true });
    return await freePort();
  });
  expect({ starts, adopted: server.adopted }).toEqual({ starts: 2, adopted: false });
  await stopPostmaster(cluster, binaries);
});

/** Makes a cluster whose server never ran. */
async function freshCluster(): Promise<{ cluster: Cluster; binaries: Binaries }> {
  const scratch = await scratchDir();
  const { binaries, ...place } = await placeCluster({
    dataDir: join(scratch, "data"),
    systemDir: join(scratch, "system"),
    serverUser: "spillway",
    binaries: await findBinaries(),
  });
  const cluster = await openCluster(place.filesDir, binaries, place.user, {
    durable: false,
    log: () => undefined,
  });
  return { cluster, binaries };
}

function sessionOf(pid: number): { group: number; session: number } {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { group: Number(fields[2]), session: Number(fields[3]) };
}
