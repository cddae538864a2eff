import type { JobRequest } from "../../shared/contracts/job-request.ts";
import type { ClaimedJob } from "../../shared/jobs/claim.ts";
import { decompress } from "../../shared/db/compressed.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";

/** Reads the request that came with the claim of an accepted job. Rejects if there is none. */
export async function readStoredRequest(job: ClaimedJob): Promise<JobRequest> {
  const { facts, body, compressed } = job;
  if (facts === null || body === null) throw new Error("an accepted job has no stored request");
  const { base64: _, metadata: __, ...request } = JSON.parse(facts) as StoredRequest;
  return { ...request, body: (await decompress(body, compressed === true)).toString() };
}
