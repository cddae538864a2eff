import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

export interface TestResult {
  /** Null means that no answer came; then `error` says why. */
  readonly status: number | null;
  readonly error: string | null;
}

/** Reads the result of a test; undefined when there is none yet or the test is unknown. */
export async function findTestResult(
  database: Pick<Pool, "query">,
  deliveryId: string,
): Promise<TestResult | undefined> {
  const { rows } = await database.query<TestResult>(
    statement(
      "find_test_result",
      `select a.status, a.error
       from webhook_deliveries d
       left join webhook_attempts a on a.delivery_id = d.id and a.attempt = d.attempts
       where d.id = $1 and d.state not in ('pending', 'sending')`,
      [deliveryId],
    ),
  );
  return rows[0];
}
