import { errorCatalogue, type ErrorCode } from "./catalogue.ts";

export interface BrokerErrorOptions {
  /** The request field at fault, as OpenAI's `param`. */
  readonly param?: string;
  /** Tells the caller when to come back, in milliseconds (at most 60,000 is sent). */
  readonly retryAfterMs?: number;
  /** Replaces the catalogue's `code` on the wire, for upstream errors passed through. */
  readonly wireCode?: string;
  readonly cause?: unknown;
}

/** An error that a caller may see. The message must never hold a prompt, a result or a key. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly wireCode: string | undefined;

  constructor(code: ErrorCode, message: string, options: BrokerErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.wireCode = options.wireCode;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }

  /** The body of design.md's error table: `{"error":{"message","type","code","param"}}`. */
  toJSON(): { error: { message: string; type: string; code: string; param: string | null } } {
    return {
      error: {
        message: this.message,
        type: errorCatalogue[this.code].type,
        code: this.wireCode ?? this.code,
        param: this.param ?? null,
      },
    };
  }
}
