import { createHash, randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  cp,
  lchown,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rename,
  rm,
  stat,
} from "node:fs/promises";
import { join } from "node:path";
import { type Binaries, relocateBinaries } from "./binaries.ts";
import { clusterExists } from "./cluster.ts";
import { runProgram, type SystemUser } from "./run-program.ts";
import { provideServerUser } from "./server-user.ts";

/** The directory and the owner of PostgreSQL's files, and programs that this owner can run. */
export interface Placement {
  readonly filesDir: string;
  /** Undefined means the account of this process. */
  readonly user: SystemUser | undefined;
  readonly binaries: Binaries;
  /** Lines that a user should see. */
  readonly notices: readonly string[];
}

export interface PlacementOptions {
  readonly dataDir: string;
  /** Root's directory for files that the server's user must be able to reach. */
  readonly systemDir: string;
  readonly serverUser: string;
  readonly binaries: Binaries;
}

/**
 * Decides where the cluster lies. An ordinary user has it in `<dataDir>/postgres`. When root starts
 * Spillway, it belongs to a system user, and lies in `systemDir` when that user cannot reach
 * `dataDir`; the programs are copied there when that user cannot reach them. Only files created
 * here get a mode or an owner. Throws an `Error` that says what to do when this user cannot use an
 * existing cluster.
 */
export async function placeCluster(options: PlacementOptions): Promise<Placement> {
  await mkdir(options.dataDir, { recursive: true });
  const dataDir = await realpath(options.dataDir);
  const inDataDir = join(dataDir, "postgres");
  if (process.getuid?.() !== 0) {
    await refuseForeignCluster(inDataDir);
    return { filesDir: inDataDir, user: undefined, binaries: options.binaries, notices: [] };
  }
  const notices: string[] = [];
  const pathHash = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  const inSystemDir = join(options.systemDir, pathHash);
  const existing = (await clusterExists(inDataDir))
    ? inDataDir
    : (await clusterExists(inSystemDir))
      ? inSystemDir
      : null;
  const user =
    (existing === null ? null : await ownerOf(existing)) ??
    (await provideServerUser(options.serverUser, (line) => notices.push(line)));
  let filesDir = existing ?? inDataDir;
  if (existing === null && !(await canHoldFiles(dataDir, user))) filesDir = inSystemDir;
  if (existing !== null && !(await canReach(join(existing, "data"), user))) {
    throw new Error(
      `PostgreSQL runs as ${user.name}, which cannot reach its files in ${existing} any more: ` +
        `a directory above shuts others out. Open that one (chmod o+x), or move ${existing} to ${inSystemDir}.`,
    );
  }
  if (filesDir === inSystemDir) {
    await makeSystemDir(options.systemDir);
    notices.push(
      `PostgreSQL runs as ${user.name}, which cannot reach ${dataDir}: its files are in ${filesDir}`,
    );
  }
  const binaries = await reachableBinaries(options, user);
  if (binaries !== options.binaries)
    notices.push(`its programs run from a copy in ${binaries.nativeDir}`);
  return { filesDir, user, binaries, notices };
}

async function refuseForeignCluster(filesDir: string): Promise<void> {
  const data = await stat(join(filesDir, "data")).catch(() => null);
  const uid = process.getuid?.();
  if (data === null || uid === undefined || data.uid === uid) return;
  throw new Error(
    `The database in ${filesDir} belongs to the user with id ${data.uid}, and this is ${uid}. ` +
      `Start Spillway as the user who made it, or set SPILLWAY_DATA_DIR to another directory.`,
  );
}

/** A cluster keeps the user that created it, whoever starts it. */
async function ownerOf(filesDir: string): Promise<SystemUser> {
  const { uid, gid } = await stat(join(filesDir, "data"));
  if (uid !== 0) return { name: `the user with id ${uid}`, uid, gid };
  throw new Error(
    `${join(filesDir, "data")} belongs to root, as which PostgreSQL refuses to run. ` +
      `Give what is in ${filesDir} back to the user that it belonged to (chown -R).`,
  );
}

async function canReach(path: string, user: SystemUser): Promise<boolean> {
  const test = await runProgram("sh", ["-c", 'test -x "$1"', "sh", path], { cwd: "/", user });
  return test.ok;
}

/** Tries it, because on some file systems even root cannot give files away. */
async function canHoldFiles(dir: string, user: SystemUser): Promise<boolean> {
  const probe = await mkdtemp(join(dir, ".probe-"));
  try {
    await chown(probe, user.uid, user.gid);
    return await canReach(probe, user);
  } catch {
    return false;
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

async function makeSystemDir(systemDir: string): Promise<void> {
  const made = await mkdir(systemDir, { recursive: true });
  // The mode must not depend on the umask; a directory that existed before is left as it is.
  if (made !== undefined) await chmod(systemDir, 0o755);
}

async function reachableBinaries(options: PlacementOptions, user: SystemUser): Promise<Binaries> {
  const inPlace = await runProgram(options.binaries.postgres, ["--version"], { user, cwd: "/" });
  if (inPlace.ok) return options.binaries;
  await makeSystemDir(options.systemDir);
  const copyDir = join(options.systemDir, options.binaries.buildName);
  const copied = relocateBinaries(options.binaries, copyDir);
  if ((await stat(copied.postgres).catch(() => null)) === null)
    await copyBinaries(options.binaries.nativeDir, copyDir);
  const inCopy = await runProgram(copied.postgres, ["--version"], { user, cwd: "/" });
  if (inCopy.ok) return copied;
  throw new Error(
    `PostgreSQL does not run as ${user.name}, neither from ${options.binaries.nativeDir} nor from ` +
      `${copyDir}. Start Spillway as an ordinary user, or set DATABASE_URL.\n${inCopy.output}`,
  );
}

/** Copies under another name and renames the copy when it is complete. */
async function copyBinaries(nativeDir: string, copyDir: string): Promise<void> {
  const draft = `${copyDir}.new-${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await cp(nativeDir, draft, { recursive: true, verbatimSymlinks: true });
    await makeRootsAndPublic(draft);
    await rename(draft, copyDir);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if ((await stat(copyDir).catch(() => null)) === null) throw error; // another start was first
  }
}

/**
 * Gives the copy to root and lets everybody read it. `cp` keeps modes and owners, but this copy
 * serves every checkout: programs from a strict umask could be read by root only, and their former
 * owner could change them later.
 */
async function makeRootsAndPublic(dir: string): Promise<void> {
  await chown(dir, 0, 0);
  await chmod(dir, 0o755);
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    await lchown(path, 0, 0);

    if (entry.isSymbolicLink()) continue;
    const executable = entry.isDirectory() || ((await stat(path)).mode & 0o100) !== 0;
    await chmod(path, executable ? 0o755 : 0o644);
  }
}
