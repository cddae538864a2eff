import { errorCatalogue, type ErrorCode } from "./catalogue.ts";

export interface BrokerErrorOptions {
  /** The request field at fault, as OpenAI's `param`. */
  readonly param?: string;
  /** Tells the caller when to come back, in milliseconds (at most 60,000 is sent). */
  readonly retryAfterMs?: number;
  /** Replaces the catalogue's `code` on the wire, for upstream errors passed through. */
  readonly wireCode?: string;
  /** The accepted job that goes on all the same; told as `job_id` and `job_url`. */
  readonly jobId?: string;
  /** False where the catalogue would let a client try again, and that would not help here. */
  readonly retryable?: false;
  readonly cause?: unknown;
}

/** The `error` object of an answer. */
export interface ErrorObject {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly param: string | null;
  readonly job_id?: string;
  /** Path of the job at this API. */
  readonly job_url?: string;
}

/** An error that a caller may see. The message must never hold a prompt, a result or a key. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly wireCode: string | undefined;
  readonly jobId: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: BrokerErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.wireCode = options.wireCode;
    this.jobId = options.jobId;
    this.retryable = options.retryable ?? errorCatalogue[code].retryable;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  /** The body of an answer: OpenAI's four fields, and where a job that goes on can be found. */
  toJSON(): { error: ErrorObject } {
    return {
      error: {
        message: this.message,
        type: errorCatalogue[this.code].type,
        code: this.wireCode ?? this.code,
        param: this.param ?? null,
        ...(this.jobId === undefined
          ? {}
          : { job_id: this.jobId, job_url: `/v1/jobs/${this.jobId}` }),
      },
    };
  }
}
