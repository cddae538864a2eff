import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Runs a program to its end and returns its output. Throws when it fails. */
export async function runToEnd(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { PATH, HOME } = process.env;
  const { stdout } = await promisify(execFile)(file, args, { env: { PATH, HOME, ...env } });
  return stdout;
}
