const RESPONSE = /^resp_([0-9a-f]{32})$/;

/** Returns the id of a job's response: `job_<hex>` becomes `resp_<hex>`. */
export function responseId(jobId: string): string {
  return `resp_${jobId.slice("job_".length)}`;
}

/** Returns the id of a response's job. Undefined for a text that is not the id of a response. */
export function jobOfResponse(id: string): string | undefined {
  const digits = RESPONSE.exec(id)?.[1];
  return digits === undefined ? undefined : `job_${digits}`;
}
