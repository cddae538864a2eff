import { FormDataEncoder } from "form-data-encoder";
import { errorText } from "../error-text.ts";
import { fetchCause } from "./fetch-failure.ts";
import { answerError, RequestError } from "./request-error.ts";

interface BrokerRequest {
  readonly method?: "GET" | "POST";
  /** A form is sent as multipart, anything else as JSON. */
  readonly body?: object;
  /** Called with the number of a form's bytes as they are sent. */
  readonly onSent?: (bytes: number) => void;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Sends a request to a path relative to `/v1`. Returns an answer with status 2xx, and rejects with
 * `RequestError` otherwise.
 */
export type BrokerClient = (path: string, request?: BrokerRequest) => Promise<Response>;

/** Makes a client for a broker's address, with or without `/v1`, and an API key. */
export function brokerClient(address: string, key: string): BrokerClient {
  const base = `${address.replace(/\/+$/, "").replace(/\/v1$/, "")}/v1`;
  return async (path, { method = "GET", body, onSent, headers = {}, signal } = {}) => {
    const sent = body === undefined ? undefined : encoded(body, onSent);
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, {
        method,
        ...sent?.init,
        headers: {
          authorization: `Bearer ${key}`,
          ...(sent === undefined ? {} : { "content-type": sent.type }),
          ...headers,
        },
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw signal?.aborted === true ? error : unreachable(address, error);
    }
    if (response.ok) return response;
    throw answerError(response, await response.text().catch(() => ""));
  };
}

interface Encoded {
  readonly type: string;
  readonly init: RequestInit;
}

function encoded(body: object, onSent: BrokerRequest["onSent"]): Encoded {
  if (!(body instanceof FormData))
    return { type: "application/json", init: { body: JSON.stringify(body) } };
  const form = new FormDataEncoder(body);
  return {
    type: form.contentType,
    init: {
      // `fetch` writes the parts of a form of its own without waiting; an answer that comes before
      // their end, or a file that changes, is then an error that nobody can handle (undici #5835).
      body: ReadableStream.from(counted(form, onSent)),
      duplex: "half",
      // With any other value `fetch` clones the request, and the clone keeps the whole body in
      // memory.
      redirect: "error",
      window: null,
    },
  };
}

async function* counted(
  form: FormDataEncoder,
  onSent: BrokerRequest["onSent"],
): AsyncGenerator<Uint8Array, undefined> {
  for await (const bytes of form) {
    onSent?.(bytes.length);
    yield bytes;
  }
  return undefined;
}

function unreachable(address: string, error: unknown): RequestError {
  const message = `no answer from ${address}: ${errorText(fetchCause(error))}`;
  return new RequestError(message, { cause: error, retryable: true });
}
