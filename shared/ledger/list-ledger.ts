import type { Pool } from "pg";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { LedgerStatus } from "../contracts/closed-attempt.ts";
import type { Location } from "../contracts/plan.ts";
import { formatUsd } from "../money/usd.ts";
import { statement } from "../db/statement.ts";

/** One row of the ledger. Amounts are in USD. */
interface LedgerView {
  readonly id: string;
  readonly object: "ledger_entry";
  readonly job_id: string;
  readonly attempt: number;
  readonly key_id: string;
  readonly provider: string;
  readonly location: Location;
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly upstream_model: string;
  readonly status: LedgerStatus;
  readonly error_code: string | null;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** The token counts are bounds, because the upstream reported none that could be true. */
  readonly estimated: boolean;
  readonly cost_usd: string;
  /** The cost beyond the hold, which the operator pays. It is not part of `cost_usd`. */
  readonly overrun_usd: string;
  readonly queue_ms: number;
  readonly ttft_ms: number | null;
  readonly total_ms: number;
  readonly created_at: string;
}

type LedgerRow = Omit<LedgerView, "id" | "object" | "cost_usd" | "overrun_usd" | "created_at"> & {
  readonly id: bigint;
  readonly cost_nanos: bigint;
  readonly overrun_nanos: bigint;
  readonly created_at: Date;
};

export interface LedgerFilter {
  readonly jobId?: string | undefined;
  readonly keyId?: string | undefined;
  /** The id of the last row on the previous page. */
  readonly after?: bigint | undefined;
  readonly limit: number;
}

export interface LedgerPage {
  readonly rows: readonly LedgerView[];
  readonly hasMore: boolean;
}

/** Reads a page of the ledger, newest first. */
export async function listLedger(
  database: Pick<Pool, "query">,
  filter: LedgerFilter,
): Promise<LedgerPage> {
  const { rows } = await database.query<LedgerRow>(
    statement(
      "list_ledger",
      `select id, job_id, attempt, key_id, provider, location, endpoint, model, upstream_model,
         status, error_code, prompt_tokens, completion_tokens, estimated, cost_nanos, overrun_nanos,
         queue_ms, ttft_ms, total_ms, created_at
       from ledger
       where ($1::text is null or job_id = $1) and ($2::text is null or key_id = $2)
         and ($3::bigint is null or id < $3)
       order by id desc limit $4`,
      [filter.jobId ?? null, filter.keyId ?? null, filter.after ?? null, filter.limit + 1],
    ),
  );
  return {
    rows: rows.slice(0, filter.limit).map(toLedgerView),
    hasMore: rows.length > filter.limit,
  };
}

function toLedgerView(row: LedgerRow): LedgerView {
  const { id, cost_nanos, overrun_nanos, created_at, ...columns } = row;
  return {
    id: id.toString(),
    object: "ledger_entry",
    ...columns,
    cost_usd: formatUsd(cost_nanos),
    overrun_usd: formatUsd(overrun_nanos),
    created_at: created_at.toISOString(),
  };
}
