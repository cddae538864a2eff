/** The kind of upstream that is simulated: a vLLM server or an OpenAI-like cloud. */
export type SimulatorKind = "gpu" | "cloud";

interface HttpErrorDetails {
  readonly status: number;
  readonly message: string;
  /** The cloud's value of `code`; vLLM always puts the status there, as a number. */
  readonly code?: string;
  readonly param?: string;
  readonly retryAfterSeconds?: number;
}

/** An error that answers a request instead of tokens. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(details: HttpErrorDetails) {
    super(details.message);
    this.status = details.status;
    this.code = details.code;
    this.param = details.param;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }

  headers(): Record<string, string> {
    return this.retryAfterSeconds === undefined
      ? {}
      : { "retry-after": String(this.retryAfterSeconds) };
  }

  /** Writes the error body as this kind of upstream does. */
  body(kind: SimulatorKind): string {
    if (kind === "gpu") return vllmError(this.status, this.message, this.param);
    const type =
      CLOUD_TYPES[this.status] ?? (this.status < 500 ? "invalid_request_error" : "server_error");
    const error = {
      message: this.message,
      type,
      param: this.param ?? null,
      code: this.code ?? null,
    };
    return JSON.stringify({ error });
  }
}

function vllmError(status: number, message: string, param: string | undefined): string {
  if (status === 401) return JSON.stringify({ error: "Unauthorized" });
  const type = VLLM_TYPES[status] ?? (status < 500 ? "BadRequestError" : "InternalServerError");
  return JSON.stringify({ error: { message, type, param: param ?? null, code: status } });
}

const VLLM_TYPES: Readonly<Record<number, string>> = {
  404: "NotFoundError",
  429: "RateLimitError",
  503: "ServiceUnavailableError",
};

const CLOUD_TYPES: Readonly<Record<number, string>> = {
  402: "insufficient_quota",
  403: "permission_error",
  429: "requests",
};
