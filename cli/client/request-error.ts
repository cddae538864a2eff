import { asObject } from "../../shared/json/json-object.ts";

/** A request that did not get what it asked for; the message is one line for a person. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  /** The same request may succeed later: nothing answered, or the broker said so. */
  readonly retryable: boolean;
  /** Of the answer; undefined when there was none. */
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

/** The error of an answer with another status than 2xx. */
export function refusal(response: Response, body: string): RequestError {
  const { status, headers } = response;
  const told = errorIn(body) ?? (body.trim().slice(0, 200) || response.statusText);
  const mayRetry = [408, 409, 429].includes(status) || status >= 500;
  return new RequestError(`${status} ${told}`, {
    status,
    retryable: mayRetry && headers.get("x-should-retry") !== "false",
  });
}

/** `code: message` of a JSON text like `{"error":{"code","message"}}`; undefined when it is none. */
export function errorIn(text: string): string | undefined {
  const error = asObject(asObject(parsed(text))?.["error"]);
  if (typeof error?.["message"] !== "string") return undefined;
  const { code, message } = error;
  return typeof code === "string" ? `${code}: ${message}` : message;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
