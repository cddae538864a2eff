import type { Pool } from "pg";
import { acceptStatement } from "../jobs/accept.ts";
import { claimStatement } from "../jobs/claim.ts";
import { endStatement } from "../jobs/end.ts";
import { moveStatement } from "../jobs/move.ts";
import { createPool, type PoolOptions } from "./pool.ts";
import { settleStatement } from "../jobs/settle.ts";

/**
 * The broker's database: one pool, and the five statements that hold every rule about money and
 * outcome.
 */
export interface Database {
  readonly pool: Pool;
  readonly accept: ReturnType<typeof acceptStatement>;
  readonly claim: ReturnType<typeof claimStatement>;
  readonly settle: ReturnType<typeof settleStatement>;
  readonly move: ReturnType<typeof moveStatement>;
  readonly end: ReturnType<typeof endStatement>;
  close(): Promise<void>;
}

/** Opens the pool; the database must be migrated. */
export function openDatabase(options: PoolOptions): Database {
  const pool = createPool(options);
  const accept = acceptStatement(pool);
  const claim = claimStatement(pool);
  const settle = settleStatement(pool);
  const move = moveStatement(pool);
  const end = endStatement(pool);
  return {
    pool,
    accept,
    claim,
    settle,
    move,
    end,
    close: () => pool.end(),
  };
}
