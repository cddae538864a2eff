import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Returns the folder of everything that is installed for later runs: `$SPILLWAY_TRY_DIR`, or one
 * under ~/.cache.
 */
export function cacheDir(): string {
  return process.env["SPILLWAY_TRY_DIR"] ?? join(homedir(), ".cache", "spillway-try");
}

/**
 * Returns a folder of the cache in which `install` has run to its end. The folder is made again
 * when its recipe has changed or its installation was interrupted.
 *
 * @param recipe everything that the result depends on: versions, arguments, the text of a script.
 */
export async function installed(
  name: string,
  recipe: string,
  install: (dir: string) => Promise<void>,
): Promise<string> {
  const dir = join(cacheDir(), name);
  const marker = join(dir, "installed");
  const found = await readFile(marker, "utf8").catch(() => undefined);
  if (found === recipe) return dir;
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  process.stderr.write(`installing ${name} into ${dir}\n`);
  await install(dir);
  await writeFile(`${marker}.part`, recipe);
  await rename(`${marker}.part`, marker);
  return dir;
}
