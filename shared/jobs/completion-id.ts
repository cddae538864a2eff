import type { Endpoint } from "../contracts/endpoint.ts";

const COMPLETION = /^chatcmpl-([0-9a-f]{32})$/;

/**
 * Returns the id that replaces the upstream's on a stored chat completion: `job_<hex>` becomes
 * `chatcmpl-<hex>`.
 */
export function completionId(jobId: string): string {
  return `chatcmpl-${jobId.slice("job_".length)}`;
}

/** Returns the job id of a stored chat completion; undefined for text that is not such an id. */
export function jobOfCompletion(id: string): string | undefined {
  const digits = COMPLETION.exec(id)?.[1];
  return digits === undefined ? undefined : `job_${digits}`;
}

/**
 * Tells whether an accepted job can be read as a chat completion: its request had `store: true`.
 */
export function isStoredCompletion(job: {
  readonly endpoint: Endpoint;
  readonly stored: boolean;
}): boolean {
  return job.endpoint === "chat.completions" && job.stored;
}
