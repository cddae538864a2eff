import { v7 } from "uuid";

/** A new `x-request-id`. */
export function newRequestId(): string {
  return `req_${v7().replaceAll("-", "")}`;
}
