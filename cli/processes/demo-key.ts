import { readFile, rename, writeFile } from "node:fs/promises";
import type { Pool } from "pg";
import { createKey } from "../../shared/keys/create-key.ts";
import { hashSecret } from "../../shared/keys/key-secret.ts";
import { parseUsd } from "../../shared/money/usd.ts";
import { statement } from "../../shared/db/statement.ts";

/** The demo may spend this much at its made-up cloud, so that a newcomer sees a budget at work. */
const DEMO_BUDGET = { limit_usd: parseUsd(5), period: "day" } as const;

/**
 * Returns the demo's API key, which is kept in a file beside the data. If the database has lost the
 * key, it makes another.
 */
export async function demoKey(pool: Pool, file: string): Promise<string> {
  const kept = await readFile(file, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  const { rowCount } = await pool.query(
    statement("find_demo_key", "select 1 from keys where hash = $1 and revoked_at is null", [
      hashSecret(kept),
    ]),
  );
  if (rowCount === 1) return kept;
  const { secret } = await createKey(pool, {
    name: "demo",
    models: null,
    residency: "any",
    max_service_tier: "priority",
    allow_webhook_url: false,
    budget: DEMO_BUDGET,
    expires_at: null,
  });
  await writeFile(`${file}.new`, `${secret}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return secret;
}
