import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

/**
 * Asks before a part of an attempt's answer is shown: from then on no other attempt of the job may
 * follow. False: another attempt may be on its way, so nothing of this one may be shown.
 */
export async function readAttempt(
  pool: Pick<Pool, "query">,
  job: string,
  fence: number,
): Promise<boolean> {
  const { rows } = await pool.query<{ may: boolean }>(
    preparedStatement("read_attempt", "select read_attempt($1, $2) as may", [job, fence]),
  );
  return rows[0]?.may === true;
}
