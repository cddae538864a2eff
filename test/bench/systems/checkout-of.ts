import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const OWN_CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * Returns the source tree of a revision of this repository, written once into `cacheDir`. It runs
 * on this tree's packages. Throws when the revision is unknown or needs other packages.
 */
export async function checkoutOf(revision: string, cacheDir: string): Promise<string> {
  const { stdout } = await run("git", ["rev-parse", "--verify", `${revision}^{commit}`], {
    cwd: OWN_CHECKOUT,
  });
  const commit = stdout.trim();
  const tree = join(cacheDir, `build-${commit}`);
  if ((await lockOf(tree).catch(() => undefined)) === undefined) {
    const unfinished = `${tree}-${process.pid}`;
    await mkdir(unfinished, { recursive: true });
    const archive = `${unfinished}.tar`;
    await run("git", ["archive", "--output", archive, commit], { cwd: OWN_CHECKOUT });
    await run("tar", ["-xf", archive, "-C", unfinished]);
    await rm(archive);
    await symlink(join(OWN_CHECKOUT, "node_modules"), join(unfinished, "node_modules"));
    await rename(unfinished, tree);
  }
  if ((await lockOf(tree)) !== (await lockOf(OWN_CHECKOUT)))
    throw new Error(`${revision} needs other packages than this tree: compare them by hand`);
  return tree;
}

/** Returns the packages that a process of that tree runs on; development packages do not matter. */
async function lockOf(tree: string): Promise<string> {
  const { packages } = JSON.parse(await readFile(join(tree, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: true }>>;
  };
  const running = Object.entries(packages).filter(([name, { dev }]) => name !== "" && !dev);
  return running.map(([name, { version }]) => `${name} ${version}`).join("\n");
}
