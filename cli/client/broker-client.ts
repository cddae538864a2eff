import { errorText } from "../error-text.ts";
import { refusal, RequestError } from "./request-error.ts";

interface BrokerRequest {
  readonly method?: "GET" | "POST";
  /** Sent as JSON. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Sends a request to a path below `/v1`; gives answers with 2xx, and rejects with `RequestError`. */
export type BrokerClient = (path: string, request?: BrokerRequest) => Promise<Response>;

/** Requests to a broker at an address, with or without `/v1`, under an API key. */
export function brokerClient(address: string, key: string): BrokerClient {
  const base = `${address.replace(/\/+$/, "").replace(/\/v1$/, "")}/v1`;
  return async (path, { method = "GET", body, headers = {}, signal } = {}) => {
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw signal?.aborted === true ? error : unreachable(address, error);
    }
    if (response.ok) return response;
    throw refusal(response, await response.text().catch(() => ""));
  };
}

/** `fetch` hides behind "fetch failed" what happened. */
function unreachable(address: string, error: unknown): RequestError {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const message = `no answer from ${address}: ${errorText(cause)}`;
  return new RequestError(message, { cause: error, retryable: true });
}
