import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const NAMES = ["redis-server", "valkey-server"];

/** Finds the first Redis server on a search path that can be run; undefined when there is none. */
export async function findRedisProgram(searchPath: string): Promise<string | undefined> {
  for (const name of NAMES) {
    for (const directory of searchPath.split(delimiter)) {
      const file = join(directory, name);
      if (directory !== "" && (await runs(file))) return file;
    }
  }
  return undefined;
}

async function runs(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    await promisify(execFile)(file, ["--version"]);
    return true;
  } catch {
    return false;
  }
}
