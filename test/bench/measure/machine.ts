import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { Client } from "pg";
import { findRedis } from "../systems/start-redis.ts";

const COMMITS = 200;

/** Describes the machine of the measurement: processor, memory, versions. */
export async function describeMachine(): Promise<string> {
  const redis = await findRedis();
  const kernel = (await readFile("/proc/sys/kernel/osrelease", "utf8")).trim();
  return [
    `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`,
    `${Math.round(totalmem() / 1024 ** 3)} GB`,
    `Linux ${kernel}`,
    `Node ${process.versions.node}`,
    `Redis ${/v=(\S+)/.exec(redis?.version ?? "")?.[1] ?? "none"}`,
  ].join(", ");
}

/**
 * Describes the server: its version, and how long one small commit takes while nothing else runs.
 */
export async function describePostgres(databaseUrl: string): Promise<string> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const version = await client.query<{ server_version: string }>("SHOW server_version");
    await client.query("CREATE TABLE IF NOT EXISTS bench_commits (at timestamptz)");
    const timesMs: number[] = [];
    for (let count = 0; count < COMMITS; count += 1) {
      const begunAt = performance.now();
      await client.query("INSERT INTO bench_commits VALUES (now())");
      timesMs.push(performance.now() - begunAt);
    }
    await client.query("DROP TABLE bench_commits");
    timesMs.sort((a, b) => a - b);
    const medianMs = timesMs[COMMITS / 2] ?? Number.NaN;
    return `PostgreSQL ${version.rows[0]?.server_version ?? ""} (one commit ${medianMs.toFixed(1)} ms)`;
  } finally {
    await client.end();
  }
}
