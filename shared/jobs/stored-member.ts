import type { AcceptMember } from "./accept.ts";
import { compress } from "../db/compressed.ts";
import type { StoredRequest } from "../contracts/job-request.ts";
import { NO_OWNER } from "../contracts/reply.ts";
import type { NewJob } from "./new-job.ts";
import { acceptMember } from "./submit-accept.ts";

/**
 * Makes the accept member of an accepted job, with its stored request. `own` has the fields of its
 * kind. A batch line's request is rarely kept for long, so it is not compressed.
 */
export async function storedMember(
  newJob: NewJob,
  own: Partial<AcceptMember>,
): Promise<AcceptMember> {
  const { jobRequest, request } = newJob;
  const { body, ...rest } = jobRequest;
  const facts: StoredRequest = { ...rest, base64: request.base64, metadata: request.metadata };
  const bytes = Buffer.from(body);
  // The answer of a batch line is in the files of the batch. Only a response is stored too, because
  // a later request may continue it.
  const stored = request.stored && (own.batch === undefined || request.response !== undefined);
  const isBrief = own.batch !== undefined && !stored;
  const { compressed, parts } = isBrief
    ? { compressed: false, parts: [bytes] as const }
    : await compress(bytes);
  return acceptMember(newJob, {
    interactive: false,
    owner: NO_OWNER,
    request: { facts: JSON.stringify(facts), body: parts[0].toString("base64"), compressed },
    stored,
    ...own,
  });
}
