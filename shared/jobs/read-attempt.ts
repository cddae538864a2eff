import type { Pool } from "pg";

/**
 * To be asked before a part of an attempt's answer is shown: from then on no other attempt of the
 * job may follow it. False: another one may be on its way, so that nothing of this one may be shown.
 */
export async function readAttempt(
  pool: Pick<Pool, "query">,
  job: string,
  fence: number,
): Promise<boolean> {
  const { rows } = await pool.query<{ may: boolean }>({
    name: "read_attempt",
    text: "select read_attempt($1, $2) as may",
    values: [job, fence],
  });
  return rows[0]?.may === true;
}
