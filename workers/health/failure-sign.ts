import type { FailureReason } from "../../shared/contracts/outcome.ts";

/** A failed call as far as it tells something of its provider. */
export interface FailedCall {
  readonly reason: FailureReason;
  readonly status?: number;
  readonly gotHeaders: boolean;
  readonly outputBytes: number;
  /** From the claim to the call's end. */
  readonly elapsedMs: number;
}

/**
 * What a failed call says of its provider:
 * - `answers`: nothing; the fault lies with the request or the target, and whoever can say so is well;
 * - `refuses`: it takes nothing for the moment, and nothing of this call ran;
 * - `breaks`: it hung up before it had begun, as a server does that is just being restarted;
 * - `fails`: it answered at once with an error that may lie with this request as well;
 * - `spoils`: something went wrong on the way, of a call that has run;
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

/** A refusal that took longer may have run: a proxy's 504 after a minute, an engine's late 500. */
const QUICK_MS = 5_000;

/** Of a proxy whose engine is away, of an engine that is not ready, and Cloudflare's and Anthropic's. */
const refusals: ReadonlySet<number> = new Set([
  502, 503, 504, 520, 521, 522, 523, 525, 526, 527, 529, 530,
]);

/** Of reasons that say the same whenever they come. */
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

/** Pure: the table of engines' and proxies' ways to say that they do not serve. */
export function failureSign(call: FailedCall): FailureSign {
  const { reason, status = 0, gotHeaders, outputBytes } = call;
  // Words like a refusal's, of a call that has run.
  if (reason === "rate_limited" && outputBytes > 0) return "spoils";
  if (reason !== "server_error" && reason !== "cut") return signs[reason];
  const isQuick = call.elapsedMs < QUICK_MS && outputBytes === 0;
  if (!isQuick) return "spoils";
  if (reason === "cut") return gotHeaders ? "spoils" : "breaks";
  return refusals.has(status) ? "refuses" : "fails";
}
