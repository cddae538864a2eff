import type { RouteConfig } from "../../config/config.ts";
import type { Plan } from "../contracts/plan.ts";
import type { AccountProblem } from "../errors/account-errors.ts";
import type { ProviderStates } from "../providers/provider-states.ts";

/**
 * Whether nobody whom a job may go to would take it, because they refuse the broker's credential or
 * its quota is used up: waiting for that is no use to a caller. Undefined: it may wait.
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
