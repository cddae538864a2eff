import type { Caller, LedgerRow } from "../run/caller.ts";
import { expect } from "../run/expect.ts";
import { chatOf, type EngineContext } from "./context.ts";

interface Job {
  readonly id: string;
  readonly status: string;
}

/** Accepted jobs that have not been waited for yet. */
export interface AcceptedJobs {
  readonly ids: readonly string[];
  /** Resolves when the first `count` jobs have ended. */
  ended(count: number): Promise<void>;
  /**
   * Waits for all jobs. Throws unless each has completed. Returns the ledger rows of all attempts.
   */
  completed(): Promise<LedgerRow[]>;
}

/** Sends `count` chat requests that are answered later. */
export async function acceptJobs(
  { engine, caller }: EngineContext,
  count: number,
  maxTokens: number,
): Promise<AcceptedJobs> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const answer = await caller.post("/v1/chat/completions", chatOf(engine, maxTokens), {
      headers: { prefer: "respond-async" },
    });
    expect(answer.status === 202, `${answer.status} ${answer.text}`);
    ids.push((answer.json as Job).id);
  }
  return {
    ids,
    async ended(wanted) {
      for (const id of ids.slice(0, wanted)) await endOf(caller, id);
    },
    async completed() {
      const jobs: Job[] = [];
      for (const id of ids) jobs.push(await endOf(caller, id));
      const others = jobs.filter(({ status }) => status !== "completed");
      expect(others.length === 0, `${others.length} of ${count}: ${JSON.stringify(others[0])}`);
      const rows: LedgerRow[] = [];
      for (const id of ids) rows.push(...(await caller.ledger(id)));
      for (const id of ids) {
        const good = rows.filter((row) => row.job_id === id && row.status === "ok");
        expect(good.length === 1, `${good.length} successful attempts of ${id}`);
      }
      return rows;
    },
  };
}

async function endOf(caller: Caller, id: string): Promise<Job> {
  for (;;) {
    const answer = await caller.get(`/v1/jobs/${id}?wait=30`);
    expect(answer.status === 200, `${answer.status} ${answer.text}`);
    const job = answer.json as Job;
    if (["completed", "failed", "cancelled"].includes(job.status)) return job;
  }
}

/** Counts the failed attempts by their error. */
export function failuresOf(rows: readonly LedgerRow[]): string {
  const counts = new Map<string, number>();
  for (const { status, error_code: code } of rows)
    if (status !== "ok") counts.set(code ?? status, (counts.get(code ?? status) ?? 0) + 1);
  const counted = [...counts].map(([code, count]) => `${count} ${code}`).join(", ");
  return counted === "" ? "no attempt failed" : `attempts that failed: ${counted}`;
}
