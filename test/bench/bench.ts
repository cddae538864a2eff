import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLoadGenerator } from "./load/load-generator.ts";
import { type BenchOptions, readOptions, usage } from "./options.ts";
import { profileBroker } from "./parts/profile-broker.ts";
import { compareRequests } from "./parts/compare-requests.ts";
import { compareRows } from "./parts/compare-rows.ts";

const dataDir = fileURLToPath(new URL("../../.spillway/bench/", import.meta.url));

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
    const part = options.rows ? compareRows : options.profile ? profileBroker : compareRequests;
    const report = await part(options, {
      runDir,
      cacheDir: dataDir,
      generator,
      progress: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${report}\n`);
  } finally {
    await generator.stop();
    await rm(runDir, { recursive: true, force: true });
  }
}

if (process.argv.includes("--help")) process.stdout.write(`${usage}\n`);
else if (process.platform !== "linux")
  throw new Error("the benchmark reads processor times from /proc: it runs on Linux only");
else await bench(readOptions(process.argv.slice(2)));
