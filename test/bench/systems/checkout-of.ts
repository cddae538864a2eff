import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const HERE = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * Returns the source tree of a revision of this repository, which is written once below `cacheDir`.
 * The tree runs on this tree's packages if its lockfile names the same ones, else on its own.
 * Throws when the revision is unknown.
 */
export async function checkoutOf(revision: string, cacheDir: string): Promise<string> {
  const git = ["rev-parse", "--verify", `${revision}^{commit}`];
  const { stdout } = await run("git", git, { cwd: HERE });
  const commit = stdout.trim();
  const tree = join(cacheDir, `build-${commit}`);
  if ((await packagesOf(tree).catch(() => undefined)) !== undefined) return tree;
  const unfinished = `${tree}-${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  const archive = `${unfinished}.tar`;
  await run("git", ["archive", "--output", archive, commit], { cwd: HERE });
  await run("tar", ["-xf", archive, "-C", unfinished]);
  await rm(archive);
  if ((await packagesOf(unfinished)) === (await packagesOf(HERE)))
    await symlink(join(HERE, "node_modules"), join(unfinished, "node_modules"));
  else await run("npm", ["ci", "--omit=dev"], { cwd: unfinished });
  await rename(unfinished, tree);
  return tree;
}

/** Returns the packages that a process of that tree runs on. Development packages do not matter. */
async function packagesOf(tree: string): Promise<string> {
  const { packages } = JSON.parse(await readFile(join(tree, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: true }>>;
  };
  const running = Object.entries(packages).filter(([name, { dev }]) => name !== "" && !dev);
  return running.map(([name, { version }]) => `${name} ${version}`).join("\n");
}
