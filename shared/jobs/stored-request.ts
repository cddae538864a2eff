import type { JobRequest } from "../contracts/job-request.ts";

/** What is stored of an accepted job's request beside its body, as JSON text. */
export interface StoredRequest extends Omit<JobRequest, "body"> {
  /** Embeddings are to be delivered as base64; upstreams are always asked for floats. */
  readonly base64: boolean;
  /** The caller's own, shown with the job. */
  readonly metadata: unknown;
}
