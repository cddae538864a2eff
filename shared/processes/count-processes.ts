import type { Pool } from "pg";

/** How many processes of that kind are registered; at least 1, since one of them asks. */
export async function countProcesses(
  pool: Pick<Pool, "query">,
  kind: "api" | "worker",
): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    "select count(*)::integer as count from processes where kind = $1",
    [kind],
  );
  return Math.max(1, rows[0]?.count ?? 1);
}
