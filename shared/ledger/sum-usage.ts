import type { Pool } from "pg";
import { formatUsd } from "../money/usd.ts";
import { statement } from "../db/statement.ts";

/** Usage can be summed by these columns of the ledger. Days are in UTC. */
const groups = {
  key: "key_id",
  model: "model",
  provider: "provider",
  day: "to_char(created_at at time zone 'UTC', 'YYYY-MM-DD')",
} as const;

type UsageGroup = keyof typeof groups;

/** The totals of one group. `requests` counts attempts, and the five statuses add up to it. */
export interface UsageTotals {
  readonly requests: number;
  readonly ok: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly unknown: number;
  readonly not_sent: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: string;
  /** The cost beyond the holds, which the operator pays. It is not part of `cost_usd`. */
  readonly overrun_usd: string;
}

type UsageRow = Record<Exclude<keyof UsageTotals, "cost_usd" | "overrun_usd">, bigint> & {
  readonly name: string;
  /** The driver gives `numeric` values as strings. */
  readonly cost_nanos: string;
  readonly overrun_nanos: string;
};

export interface UsageQuery {
  readonly groupBy: UsageGroup;
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

/** Sums the ledger by group, in the order of the groups' names. */
export async function sumUsage(
  database: Pick<Pool, "query">,
  query: UsageQuery,
): Promise<(UsageTotals & { readonly name: string })[]> {
  const { rows } = await database.query<UsageRow>(
    statement(
      "sum_usage",
      `select ${groups[query.groupBy]} as name, count(*) as requests,
         count(*) filter (where status = 'ok') as ok,
         count(*) filter (where status = 'failed') as failed,
         count(*) filter (where status = 'cancelled') as cancelled,
         count(*) filter (where status = 'unknown') as unknown,
         count(*) filter (where status = 'not_sent') as not_sent,
         sum(prompt_tokens) as prompt_tokens, sum(completion_tokens) as completion_tokens,
         sum(cost_nanos) as cost_nanos, sum(overrun_nanos) as overrun_nanos
       from ledger
       where ($1::timestamptz is null or created_at >= $1)
         and ($2::timestamptz is null or created_at < $2)
       group by 1 order by 1`,
      [query.from ?? null, query.to ?? null],
    ),
  );
  return rows.map((row) => ({
    name: row.name,
    requests: Number(row.requests),
    ok: Number(row.ok),
    failed: Number(row.failed),
    cancelled: Number(row.cancelled),
    unknown: Number(row.unknown),
    not_sent: Number(row.not_sent),
    prompt_tokens: Number(row.prompt_tokens),
    completion_tokens: Number(row.completion_tokens),
    cost_usd: formatUsd(BigInt(row.cost_nanos)),
    overrun_usd: formatUsd(BigInt(row.overrun_nanos)),
  }));
}
