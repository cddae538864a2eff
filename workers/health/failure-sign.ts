import type { FailureReason } from "../../shared/contracts/failure-reason.ts";

/** The facts behind a failure's sign. */
export interface FailedCall {
  readonly reason: FailureReason;
  readonly status?: number;
  readonly gotHeaders: boolean;
  readonly outputBytes: number;
  /** Time from claim to end. */
  readonly elapsedMs: number;
}

/**
 * A failed call says one of these things about its provider:
 * - `answers`: nothing. The fault lies with the request or the target, and a provider that says so
 *   is well;
 * - `refuses`: it takes nothing for the moment, and nothing of this call ran;
 * - `breaks`: it hung up before it had begun, as a server does that is just being restarted;
 * - `fails`: it answered at once with an error that may lie with this request as well;
 * - `spoils`: the call ran, and something went wrong on the way;
 * - `hangs`: it was silent for too long;
 * - `unreachable`, `credential`, `quota`: it serves nobody, or not us.
 */
export type FailureSign =
  | "answers"
  | "refuses"
  | "breaks"
  | "fails"
  | "spoils"
  | "hangs"
  | "unreachable"
  | "credential"
  | "quota";

/**
 * A call that is refused later may have run: a proxy's 504 after a minute, an engine's late 500.
 */
const QUICK_MS = 5_000;

/**
 * A proxy whose engine is away and an engine that is not ready answer with these statuses. Those
 * from 520 on are Cloudflare's, and 529 is Anthropic's.
 */
const refusals: ReadonlySet<number> = new Set([
  502, 503, 504, 520, 521, 522, 523, 525, 526, 527, 529, 530,
]);

/** These reasons have the same sign whenever they come. */
const signs: Readonly<Record<Exclude<FailureReason, "server_error" | "cut">, FailureSign>> = {
  bad_request: "answers",
  context_overflow: "answers",
  unsupported: "answers",
  not_found: "answers",
  no_endpoint: "answers",
  conflict: "answers",
  engine_queue: "answers",
  connect: "unreachable",
  auth: "credential",
  quota_exhausted: "quota",
  rate_limited: "refuses",
  request_timeout: "spoils",
  malformed: "spoils",
  first_byte_timeout: "hangs",
  idle_timeout: "hangs",
};

/** Reads the sign of a failed call. The function is pure. */
export function failureSign(call: FailedCall): FailureSign {
  const { reason, status = 0, gotHeaders, outputBytes } = call;
  // The words are those of a refusal, but the call has run.
  if (reason === "rate_limited" && outputBytes > 0) return "spoils";
  if (reason !== "server_error" && reason !== "cut") return signs[reason];
  const isQuick = call.elapsedMs < QUICK_MS && outputBytes === 0;
  if (!isQuick) return "spoils";
  if (reason === "cut") return gotHeaders ? "spoils" : "breaks";
  return refusals.has(status) ? "refuses" : "fails";
}
