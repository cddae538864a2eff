import type { JobRequest } from "../../../shared/contracts/job-request.ts";
import { passedFields } from "../../../shared/requests/upstream-body.ts";
import { parseExact } from "../../../shared/json/exact-json.ts";
import { asObject } from "../../../shared/json/json-object.ts";

/**
 * Returns the body of a job without the fields that the worker writes itself or that may not go out.
 * Jobs that an earlier version accepted were stored with whatever their caller wrote.
 */
export function builtBody({
  endpoint,
  body,
  isBuilt,
}: Pick<JobRequest, "endpoint" | "body" | "isBuilt">): string {
  if (isBuilt) return body;
  const written = asObject(parseExact(body)) ?? {};
  const passed = passedFields(endpoint, written);
  return passed === written ? body : JSON.stringify(passed);
}
