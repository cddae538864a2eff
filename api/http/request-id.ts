import { newId } from "../../shared/contracts/new-id.ts";

/** A new `x-request-id`. */
export function newRequestId(): string {
  return newId("req");
}
