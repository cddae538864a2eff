import { endpoints, type Endpoint } from "../../../shared/contracts/endpoint.ts";
import type { PreparedCall } from "../wire-format.ts";
import type { ProviderCall } from "../provider.ts";
import { readWhole } from "./read-whole.ts";

export interface EndpointCall extends Omit<PreparedCall, "path" | "headers" | "readWhole"> {
  /** The endpoint that is called, which may differ from the caller's. */
  readonly endpoint: Endpoint;
  /** The caller waits for the answer in one piece. */
  readonly wantsWhole?: boolean;
}

/** Completes a call to an endpoint of the OpenAI API. */
export function preparedCall(
  call: ProviderCall,
  { endpoint, wantsWhole = false, ...rest }: EndpointCall,
): PreparedCall {
  const isOnePiece = rest.reader === undefined || rest.isUnstreamed === true;
  return {
    ...rest,
    path: endpoints[endpoint],
    headers: {
      "content-type": "application/json",
      accept: isOnePiece ? "application/json" : "text/event-stream, application/json",
    },
    readWhole: (bytes, contentType) =>
      readWhole({ ...call, endpoint }, wantsWhole ? "body" : "events", bytes, contentType),
  };
}
