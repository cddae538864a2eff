import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * The source tree of a revision of this repository, written once below `cacheDir`. It runs on this
 * tree's packages. Throws when the revision is unknown, or was made for other packages.
 */
export async function checkoutOf(revision: string, cacheDir: string): Promise<string> {
  const { stdout } = await run("git", ["rev-parse", "--verify", `${revision}^{commit}`], {
    cwd: here,
  });
  const commit = stdout.trim();
  const tree = join(cacheDir, `build-${commit}`);
  if ((await lockOf(tree).catch(() => undefined)) === undefined) {
    const unfinished = `${tree}-${process.pid}`;
    await mkdir(unfinished, { recursive: true });
    const archive = `${unfinished}.tar`;
    await run("git", ["archive", "--output", archive, commit], { cwd: here });
    await run("tar", ["-xf", archive, "-C", unfinished]);
    await rm(archive);
    await symlink(join(here, "node_modules"), join(unfinished, "node_modules"));
    await rename(unfinished, tree);
  }
  if ((await lockOf(tree)) !== (await lockOf(here)))
    throw new Error(`${revision} needs other packages than this tree: compare them by hand`);
  return tree;
}

/** The packages that a process of that tree runs on; those for development do not matter. */
async function lockOf(tree: string): Promise<string> {
  const { packages } = JSON.parse(await readFile(join(tree, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: true }>>;
  };
  const running = Object.entries(packages).filter(([name, { dev }]) => name !== "" && !dev);
  return running.map(([name, { version }]) => `${name} ${version}`).join("\n");
}
