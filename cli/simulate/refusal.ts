/** Which upstream is played: a vLLM server or an OpenAI-like cloud. */
export type SimulatorKind = "gpu" | "cloud";

interface RefusalDetails {
  readonly status: number;
  readonly message: string;
  /** What the cloud puts into `code`; vLLM always puts the status there, as a number. */
  readonly code?: string;
  readonly param?: string;
  readonly retryAfterSeconds?: number;
}

/** A request that is answered with an error instead of tokens. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(details: RefusalDetails) {
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

  /** The error body as the given kind of upstream writes it. */
  body(kind: SimulatorKind): string {
    if (kind === "gpu") return vllmError(this.status, this.message, this.param);
    const type =
      cloudTypes[this.status] ?? (this.status < 500 ? "invalid_request_error" : "server_error");
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
  const type = vllmTypes[status] ?? (status < 500 ? "BadRequestError" : "InternalServerError");
  return JSON.stringify({ error: { message, type, param: param ?? null, code: status } });
}

const vllmTypes: Readonly<Record<number, string>> = {
  404: "NotFoundError",
  429: "RateLimitError",
  503: "ServiceUnavailableError",
};

const cloudTypes: Readonly<Record<number, string>> = {
  402: "insufficient_quota",
  403: "permission_error",
  429: "requests",
};
