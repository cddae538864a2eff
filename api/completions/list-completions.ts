import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { listJobs, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { jobOfCompletion } from "../../shared/jobs/completion-id.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";
import { asObject } from "../../shared/json/json-object.ts";

export interface CompletionFilter {
  readonly model: string | null;
  /** A completion must have all of these pairs. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The id of the previous page's last completion. */
  readonly after: string | undefined;
  readonly ascending: boolean;
  readonly limit: number;
}

const PAGE = 100;

/** Finds a page of the jobs whose answers a key stored as chat completions. */
export async function listCompletions(
  pool: Pick<Pool, "query">,
  key: string,
  { model, metadata, after, ascending, limit }: CompletionFilter,
): Promise<AcceptedJob[]> {
  const found: AcceptedJob[] = [];
  let last = after === undefined ? null : (jobOfCompletion(after) ?? after);
  while (found.length < limit) {
    const from = last;
    const page = await askDatabase(() =>
      listJobs(pool, key, {
        states: ["done"],
        responseStatus: null,
        model,
        batch: null,
        storedAs: "chat.completions",
        after: from,
        ascending,
        limit: PAGE,
      }),
    );
    // PostgreSQL has the metadata as text, since its own JSON type does not take all of JSON.
    found.push(...page.filter((job) => hasPairs(job, metadata)));
    last = page.at(-1)?.id ?? null;
    if (page.length < PAGE) break;
  }
  return found.slice(0, limit);
}

function hasPairs({ facts }: AcceptedJob, wanted: CompletionFilter["metadata"]): boolean {
  const pairs = asObject((JSON.parse(facts) as Partial<StoredRequest>).metadata) ?? {};
  return [...wanted].every(([name, value]) => pairs[name] === value);
}
