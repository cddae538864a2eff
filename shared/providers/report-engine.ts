import type { Pool } from "pg";
import type { EngineState } from "./engine-state.ts";
import { statement } from "../db/statement.ts";

/** Stores the state of a provider's engine. */
export async function reportEngine(
  pool: Pick<Pool, "query">,
  provider: string,
  state: EngineState,
): Promise<void> {
  await pool.query(
    statement(
      "report_engine",
      "update providers set engine = $2 where name = $1 and engine is distinct from $2",
      [provider, JSON.stringify(state)],
    ),
  );
}
