import { errorCatalogue, type ErrorCode } from "./catalogue.ts";

export interface BrokerErrorOptions {
  /** The wrong field of the request, as OpenAI's `param`. */
  readonly param?: string;
  /** The time after which the caller may try again, in milliseconds (at most 60,000 is sent). */
  readonly retryAfterMs?: number;
  /** This replaces the catalogue's `code` in the answer, for upstream errors that are passed on. */
  readonly wireCode?: string;
  /** The accepted job continues in spite of the error. It is sent as `job_id` and `job_url`. */
  readonly jobId?: string;
  /** False when the catalogue would let a client try again although that would not help. */
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
  /** The path of the job at this API. */
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

  /** The body of an answer: OpenAI's four fields, and the path of a job that continues. */
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
