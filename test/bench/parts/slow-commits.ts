import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

/** A server needs less than this to pass changed settings on to its sessions. */
const RELOAD_MS = 500;

/** Does the work while every commit on these servers takes 2 ms longer, as on slow disks. */
export async function withSlowCommits(
  databaseUrls: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    for (const url of databaseUrls)
      await alterSystem(url, ["SET commit_delay = 2000", "SET commit_siblings = 0"]);
    await sleep(RELOAD_MS);
    await work();
  } finally {
    for (const url of databaseUrls)
      await alterSystem(url, ["RESET commit_delay", "RESET commit_siblings"]);
    await sleep(RELOAD_MS);
  }
}

async function alterSystem(databaseUrl: string, changes: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const change of changes) await client.query(`ALTER SYSTEM ${change}`);
    await client.query("SELECT pg_reload_conf()");
  } finally {
    await client.end();
  }
}
