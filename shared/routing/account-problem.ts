import type { RouteConfig } from "../../config/config.ts";
import type { Plan } from "../contracts/plan.ts";
import type { AccountProblem } from "../errors/account-errors.ts";
import type { ProviderStates } from "../providers/provider-states.ts";

/**
 * Returns the problem when no provider that a job may use would take it, because each refuses the
 * broker's credential or the broker's quota there is used up. Then it is useless to wait. Undefined
 * when the job may wait.
 */
export function accountProblem(
  plan: Plan,
  { overflowWhen }: Pick<RouteConfig, "overflowWhen">,
  providerStates: Pick<ProviderStates, "get">,
): AccountProblem | undefined {
  const mayOverflow = overflowWhen.failed || overflowWhen.waitedMs !== null;
  const states = plan
    .filter(({ role }) => role === "serve" || mayOverflow)
    .map(({ provider }) => providerStates.get(provider));
  const reasons = states.map((state) => (state?.up === false ? state.restReason : null));
  const problems = reasons.filter((reason) => reason === "credential" || reason === "quota");
  if (problems.length === 0 || problems.length < reasons.length) return undefined;
  return problems.includes("credential") ? "credential" : "quota";
}
