import type { Endpoint } from "../contracts/endpoint.ts";

const COMPLETION = /^chatcmpl-([0-9a-f]{32})$/;

/** The id that a stored chat completion has in place of its upstream's: `job_<hex>` is `chatcmpl-<hex>`. */
export function completionId(jobId: string): string {
  return `chatcmpl-${jobId.slice("job_".length)}`;
}

/** The job of a stored chat completion; undefined for what was never an id of one. */
export function jobOfCompletion(id: string): string | undefined {
  const digits = COMPLETION.exec(id)?.[1];
  return digits === undefined ? undefined : `job_${digits}`;
}

/** Whether an accepted job can be read as a chat completion: its caller asked with `store: true`. */
export function isStoredCompletion(job: {
  readonly endpoint: Endpoint;
  readonly stored: boolean;
}): boolean {
  return job.endpoint === "chat.completions" && job.stored;
}
