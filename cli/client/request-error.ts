import { asObject } from "../../shared/json/json-object.ts";
import { parseJson } from "../../shared/json/json-object.ts";

/** A failed request; the message is one line for a person. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  /**
   * Tells whether the same request may succeed later, because nothing answered or because the
   * broker said so.
   */
  readonly retryable: boolean;
  /** The status of the answer; undefined when there was none. */
  readonly status: number | undefined;

  constructor(
    message: string,
    options: ErrorOptions & { readonly retryable?: boolean; readonly status?: number } = {},
  ) {
    super(message.replaceAll(/\s+/g, " "), options);
    this.retryable = options.retryable ?? false;
    this.status = options.status;
  }
}

/** Makes the error for an answer whose status is not 2xx. */
export function answerError(response: Response, body: string): RequestError {
  const { status, headers } = response;
  const reason = errorIn(body) ?? (body.trim().slice(0, 200) || response.statusText);
  const mayRetry = [408, 409, 429].includes(status) || status >= 500;
  return new RequestError(`${status} ${reason}`, {
    status,
    retryable: mayRetry && headers.get("x-should-retry") !== "false",
  });
}

/**
 * Returns `code: message` of a JSON text like `{"error":{"code","message"}}`; undefined for other
 * texts.
 */
export function errorIn(text: string): string | undefined {
  const error = asObject(asObject(parseJson(text))?.["error"]);
  if (typeof error?.["message"] !== "string") return undefined;
  const { code, message } = error;
  return typeof code === "string" ? `${code}: ${message}` : message;
}
