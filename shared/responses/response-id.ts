const RESPONSE = /^resp_([0-9a-f]{32})$/;

/** The id that the response of a job has: `job_<hex>` becomes `resp_<hex>`. */
export function responseId(jobId: string): string {
  return `resp_${jobId.slice("job_".length)}`;
}

/** The job of a response; undefined for what was never a response's id. */
export function jobOfResponse(id: string): string | undefined {
  const digits = RESPONSE.exec(id)?.[1];
  return digits === undefined ? undefined : `job_${digits}`;
}
