import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Binaries } from "./binaries.ts";
import { processLives } from "./process-lives.ts";
import { runProgram, type SystemUser } from "./run-program.ts";

/** One database cluster on disk: `data`, `password` and `postgres.log` in a directory. */
export interface Cluster {
  readonly filesDir: string;
  readonly password: string;
  /** Undefined means the account of this process. */
  readonly user: SystemUser | undefined;
}

/** The database role that owns everything; the first database has the same name. */
export const OWNER_NAME = "spillway";

/** An unfinished directory is kept this long while the process in its name is still running. */
const LEFTOVER_AGE_MS = 10 * 60_000;

/** Tells whether `filesDir` holds a complete cluster. */
export async function clusterExists(filesDir: string): Promise<boolean> {
  return (await stat(join(filesDir, "data", "PG_VERSION")).catch(() => null)) !== null;
}

/**
 * Opens the cluster in `filesDir`, and first creates it when there is none. Throws an `Error` that
 * says what to do when another major version of PostgreSQL wrote it.
 */
export async function openCluster(
  filesDir: string,
  binaries: Binaries,
  user: SystemUser | undefined,
  options: { readonly durable: boolean; readonly log: (line: string) => void },
): Promise<Cluster> {
  await removeLeftovers(filesDir);
  if (!(await clusterExists(filesDir))) {
    options.log(`creating a PostgreSQL ${binaries.major} cluster in ${filesDir}`);
    await createCluster(filesDir, binaries, user, options.durable);
  }
  const version = (await readFile(join(filesDir, "data", "PG_VERSION"), "utf8")).trim();
  if (version !== String(binaries.major)) {
    throw new Error(
      `The data in ${join(filesDir, "data")} was written by PostgreSQL ${version}, and this ` +
        `Spillway brings PostgreSQL ${binaries.major}, which cannot read it. Nothing was changed. Either\n` +
        `- start the Spillway version that wrote it, and carry the data over with pg_dump, or\n` +
        `- move ${filesDir} away and begin with an empty database, or\n` +
        `- set DATABASE_URL to a PostgreSQL ${version} server that has the data.`,
    );
  }
  const password = (await readFile(join(filesDir, "password"), "utf8")).trim();
  return { filesDir, password, user };
}

/**
 * Creates the cluster under another name and renames it when complete, so that an interrupted
 * attempt is never opened.
 */
async function createCluster(
  filesDir: string,
  binaries: Binaries,
  user: SystemUser | undefined,
  durable: boolean,
): Promise<void> {
  const draft = `${filesDir}.new-${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(draft);
    // The directory stays root's when PostgreSQL runs as another user: then an attacker in the
    // database cannot create a link under a name that root opens. That user only needs to pass
    // through.
    await chmod(draft, user === undefined ? 0o700 : 0o711);
    await mkdir(join(draft, "data"), { mode: 0o700 });
    await writePrivate(join(draft, "password"), randomBytes(24).toString("hex"), user);
    await writePrivate(join(draft, "postgres.log"), "", user);
    if (user !== undefined) await chown(join(draft, "data"), user.uid, user.gid);
    const args = ["-D", "data", `--username=${OWNER_NAME}`, "--pwfile=password", "-A"];
    args.push("scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions");
    if (!durable) args.push("--no-sync");
    const initdb = await runProgram(binaries.initdb, args, { cwd: draft, user });
    if (!initdb.ok) throw new Error(`PostgreSQL's initdb failed in ${draft}:\n${initdb.output}`);
    await rename(draft, filesDir);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another start was faster, and its cluster serves both.
    if (await clusterExists(filesDir)) return;
    if ((await readdir(filesDir).catch(() => [])).length > 0) {
      throw new Error(
        `${filesDir} is in the way: it holds files, but no database that Spillway made. Move it away.`,
        { cause: error },
      );
    }
    throw error;
  }
}

async function removeLeftovers(filesDir: string): Promise<void> {
  const prefix = `${basename(filesDir)}.new-`;
  for (const name of await readdir(dirname(filesDir))) {
    if (!name.startsWith(prefix)) continue;
    const path = join(dirname(filesDir), name);
    const made = await stat(path).catch(() => null);
    const fresh = made !== null && Date.now() - made.mtimeMs < LEFTOVER_AGE_MS;
    if (fresh && processLives(Number.parseInt(name.slice(prefix.length), 10))) continue;
    // An initdb that outlived its Spillway may still write there; the next start tries again.
    await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => null);
  }
}

async function writePrivate(path: string, text: string, user: SystemUser | undefined) {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    if (user !== undefined) await file.chown(user.uid, user.gid);
    await file.sync();
  } finally {
    await file.close();
  }
}
