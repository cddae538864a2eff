import type { Entry } from "../../shared/contracts/entry.ts";
import type { ClaimRow } from "../../shared/jobs/claim.ts";
import type { Database } from "../../shared/db/database.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { NO_OWNER } from "../../shared/contracts/reply.ts";
import { endJob } from "../../shared/jobs/end-job.ts";

interface UnclaimedEnd {
  readonly state: "expired" | "cancelled" | "failed";
  readonly code: string;
}

type Unrunnable = Exclude<ClaimRow["verdict"], "claimed" | "suspect">;

const ends: Record<Exclude<Unrunnable, "gone">, UnclaimedEnd> = {
  late: { state: "expired", code: "deadline" },
  stopped: { state: "cancelled", code: "stopped" },
  residency: { state: "failed", code: "residency" },
  revoked: { state: "cancelled", code: "revoked" },
  key_expired: { state: "cancelled", code: "key_expired" },
  model: { state: "failed", code: "permission_denied" },
  budget: { state: "failed", code: "insufficient_quota" },
};

/** Ends a job that may not run, at the place where it was found; a stale entry is forgotten. */
export async function endUnclaimed(
  deps: { readonly database: Database; readonly reply: ReplySender },
  entry: Entry,
  verdict: Unrunnable,
): Promise<void> {
  if (verdict === "gone") return;
  const { state, code } = ends[verdict];
  const owner = "owner" in entry ? entry.owner : NO_OWNER;
  await endJob(deps, { job: entry.job, place: entry.place, state, code, owner });
}
