import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLoadGenerator } from "./load/load-generator.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { profileBroker } from "./parts/profile-broker.ts";
import { compareBuilds } from "./parts/compare-builds.ts";
import { compareRequests } from "./parts/compare-requests.ts";
import { measureBatch } from "./parts/measure-batch.ts";
import { compareRows } from "./parts/compare-rows.ts";

const DATA_DIR = fileURLToPath(new URL("../../.spillway/bench/", import.meta.url));

const SHOWN_LOG_LINES = 10;

/** Runs one benchmark and prints its report. A signal ends it early and leaves nothing running. */
async function bench(options: BenchOptions): Promise<void> {
  await mkdir(DATA_DIR, { recursive: true });
  // The run lies on the disk of the checkout: a temporary directory may be in memory, where commits
  // are free.
  const runDir = await mkdtemp(join(DATA_DIR, "run-"));
  // When root runs this, PostgreSQL has a user of its own, which must be able to pass through.
  await chmod(runDir, 0o711);
  const generator = startLoadGenerator();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void generator.stop());
  try {
    const report = await partOf(options)(options, {
      runDir,
      cacheDir: DATA_DIR,
      generator,
      progress: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${report}\n`);
  } catch (error) {
    process.stderr.write(await logTails(runDir));
    throw error;
  } finally {
    await generator.stop();
    await rm(runDir, { recursive: true, force: true });
  }
}

function partOf({ against, rows, batch, profile }: BenchOptions): typeof compareRequests {
  if (against !== undefined) return compareBuilds;
  if (rows) return compareRows;
  if (batch) return measureBatch;
  return profile ? profileBroker : compareRequests;
}

/**
 * Returns the last lines of the started programs' logs, because the log files are removed with the
 * run.
 */
async function logTails(runDir: string): Promise<string> {
  const names = (await readdir(runDir)).filter((name) => name.endsWith(".log"));
  const tails = names.map(async (name) => {
    const lines = (await readFile(join(runDir, name), "utf8")).trim().split("\n");
    return `${[`${name}:`, ...lines.slice(-SHOWN_LOG_LINES)].join("\n  ")}\n`;
  });
  return (await Promise.all(tails)).join("");
}

try {
  if (process.argv.includes("--help")) process.stdout.write(`${USAGE}\n`);
  else if (process.platform === "linux") await bench(readOptions(process.argv.slice(2)));
  else throw new Error("it reads processor times from /proc, so it runs on Linux only");
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
