import type { AcceptMember } from "../../../shared/jobs/accept.ts";
import type { LedgerEntry } from "../../../shared/ledger/ledger-entry.ts";
import type { Plan } from "../../../shared/contracts/plan.ts";

export const providers = ["gpu-a", "gpu-b", "cloud"] as const;

/** A plan has all three providers, with the given worst cases. */
function planOf(holds: readonly bigint[]): Plan {
  return providers.map((provider, index) => ({
    provider,
    location: provider === "cloud" ? "cloud" : "local",
    role: provider === "cloud" ? "overflow" : "serve",
    model: `${provider}-model`,
    inputNanosPerMillion: "0",
    outputNanosPerMillion: "1000000",
    holdNanos: String(holds[index] ?? 0n),
  }));
}

/** The job is an interactive chat. */
export function acceptMember(
  id: string,
  key: string,
  holds: readonly bigint[],
  other: Partial<AcceptMember> = {},
): AcceptMember {
  return {
    id,
    key,
    endpoint: "chat.completions",
    model: "chat",
    class: 1,
    residency: "any",
    interactive: true,
    stream: false,
    owner: "api_test",
    plan: planOf(holds),
    target: 0,
    hold: String(holds[0] ?? 0n),
    input_bound: 100,
    output_bound: 100,
    max_attempts: 3,
    deadline_ms: 3_600_000,
    overflow_ms: null,
    overflow_on_failure: true,
    check_ms: 3_600_000,
    ...other,
  };
}

/** Its times and tokens are the same for every attempt. */
export function ledgerEntry(status: LedgerEntry["status"], cost: bigint): LedgerEntry {
  return {
    status,
    error_code: status === "ok" ? null : "test",
    prompt_tokens: 1,
    completion_tokens: 1,
    estimated: false,
    cost: cost.toString(),
    ttft_ms: null,
    total_ms: 1,
  };
}
