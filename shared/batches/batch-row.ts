import type { Endpoint } from "../contracts/endpoint.ts";
import type { Residency } from "../contracts/plan.ts";

/** The state diagram is in docs/architecture.md. */
export type BatchState =
  | "validating"
  | "failed"
  | "in_progress"
  | "finalizing"
  | "completed"
  | "expiring"
  | "expired"
  | "cancelling"
  | "cancelled";

/** One fault of a batch's file. `line` counts from 1. */
export interface BatchError {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly line: number | null;
}

/** Sums over the lines of a batch. */
interface BatchSums {
  readonly completed: number;
  /** This counts all ended lines without an answer. */
  readonly failed: number;
  readonly input_tokens: number;
  readonly cached_tokens: number;
  readonly output_tokens: number;
  readonly reasoning_tokens: number;
  /** In nano-dollars, as a decimal string. */
  readonly cost_nanos: string;
}

/** A batch as its row in the database shows it. */
export interface BatchRow {
  readonly id: string;
  readonly key_id: string;
  readonly endpoint: Endpoint;
  readonly input_file_id: string;
  readonly completion_window: string;
  /** A JSON object as text. */
  readonly metadata: string | null;
  readonly residency: Residency;
  readonly overflow: boolean;
  readonly cap_period_id: bigint | null;
  readonly state: BatchState;
  readonly created_at: Date;
  readonly in_progress_at: Date | null;
  readonly deadline_at: Date;
  readonly urgent_at: Date;
  readonly finalizing_at: Date | null;
  readonly cancelling_at: Date | null;
  readonly ended_at: Date | null;
  /** `BatchError[]` as JSON text. */
  readonly errors: string | null;
  /** It is known once the file has been read. */
  readonly total: number | null;
  readonly models: readonly string[];
  readonly output_file_id: string | null;
  readonly error_file_id: string | null;
  readonly written_line: number;
  readonly paused: string | null;
  readonly paused_message: string | null;
  readonly paused_at: Date | null;
  readonly feed_at: Date;
  /**
   * The sums over the lines. For a live batch they are a moment old, and null before its lines run.
   */
  readonly sums: BatchSums | null;
}

/** The limits of a batch's file, with sizes in bytes. */
export const batchLimits = {
  lines: 50_000,
  fileBytes: 200 * 1024 * 1024,
  customIdLength: 512,
} as const;
