import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLoadGenerator } from "./load/load-generator.ts";
import { type BenchOptions, readOptions, usage } from "./options.ts";
import { profileBroker } from "./parts/profile-broker.ts";
import { compareBuilds } from "./parts/compare-builds.ts";
import { compareRequests } from "./parts/compare-requests.ts";
import { measureBatch } from "./parts/measure-batch.ts";
import { compareRows } from "./parts/compare-rows.ts";

const dataDir = fileURLToPath(new URL("../../.spillway/bench/", import.meta.url));

const shownLogLines = 10;

/** Runs one benchmark and prints what it found; a signal ends it early and leaves nothing running. */
async function bench(options: BenchOptions): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  // On the disk of the checkout: a temporary directory may lie in memory, where commits are free.
  const runDir = await mkdtemp(join(dataDir, "run-"));
  // Run by root, PostgreSQL has a user of its own, which has to pass through.
  await chmod(runDir, 0o711);
  const generator = startLoadGenerator();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void generator.stop());
  try {
    const report = await partOf(options)(options, {
      runDir,
      cacheDir: dataDir,
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

/** What the started programs wrote last; the files go with the run. */
async function logTails(runDir: string): Promise<string> {
  const names = (await readdir(runDir)).filter((name) => name.endsWith(".log"));
  const tails = names.map(async (name) => {
    const lines = (await readFile(join(runDir, name), "utf8")).trim().split("\n");
    return `${[`${name}:`, ...lines.slice(-shownLogLines)].join("\n  ")}\n`;
  });
  return (await Promise.all(tails)).join("");
}

try {
  if (process.argv.includes("--help")) process.stdout.write(`${usage}\n`);
  else if (process.platform === "linux") await bench(readOptions(process.argv.slice(2)));
  else throw new Error("it reads processor times from /proc, so it runs on Linux only");
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
