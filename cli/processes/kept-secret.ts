import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Returns a secret that is made once and kept in a file that only its owner can read. The file is
 * written under another name and then linked, so that a crash leaves either no file or a whole one.
 */
export async function keptSecret(
  file: string,
  make: () => string | Promise<string>,
): Promise<string> {
  const kept = await readSecret(file);
  if (kept !== undefined) return kept;
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.new-${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(fresh, `${await make()}\n`, { mode: 0o600, flag: "wx" });
    await link(fresh, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error; // another start was quicker: its secret stands
    });
  } finally {
    await rm(fresh, { force: true });
  }
  return (await readSecret(file)) ?? "";
}

/** Returns undefined when the file is missing or empty. */
async function readSecret(file: string): Promise<string | undefined> {
  try {
    const text = (await readFile(file, "utf8")).trim();
    return text === "" ? undefined : text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
