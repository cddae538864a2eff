import type { AcceptMember } from "./accept.ts";
import { compress } from "../db/compressed.ts";
import type { StoredRequest } from "../contracts/job-request.ts";
import { NO_OWNER } from "../contracts/reply.ts";
import type { NewJob } from "./new-job.ts";
import { acceptMember } from "./submit-accept.ts";

/**
 * The member of an accepted job, with what is stored of its request; `own`: what its kind adds. The
 * request of a batch's line is seldom kept for long, so it is not compressed.
 */
export async function storedMember(
  terms: NewJob,
  own: Partial<AcceptMember>,
): Promise<AcceptMember> {
  const { jobRequest, request } = terms;
  const { body, ...rest } = jobRequest;
  const facts: StoredRequest = { ...rest, base64: request.base64, metadata: request.metadata };
  const bytes = Buffer.from(body);
  // The lines of a batch have their answers in its files; of those only responses are turns too.
  const stored = request.stored && (own.batch === undefined || request.response !== undefined);
  const isBrief = own.batch !== undefined && !stored;
  const { compressed, parts } = isBrief
    ? { compressed: false, parts: [bytes] as const }
    : await compress(bytes);
  return acceptMember(terms, {
    interactive: false,
    owner: NO_OWNER,
    request: { facts: JSON.stringify(facts), body: parts[0].toString("base64"), compressed },
    stored,
    ...own,
  });
}
