import type { RouteConfig } from "../../config/config.ts";
import type { Plan } from "../contracts/plan.ts";
import type { AccountTrouble } from "../errors/account-errors.ts";
import type { ProviderBoard } from "../providers/provider-states.ts";

/**
 * Whether nobody whom a job may go to would take it, because they refuse the broker's credential or
 * its quota is used up: waiting for that is no use to a caller. Undefined: it may wait.
 */
export function accountTrouble(
  plan: Plan,
  { overflowWhen }: Pick<RouteConfig, "overflowWhen">,
  board: Pick<ProviderBoard, "get">,
): AccountTrouble | undefined {
  const mayOverflow = overflowWhen.failed || overflowWhen.waitedMs !== null;
  const states = plan
    .filter(({ role }) => role === "serve" || mayOverflow)
    .map(({ provider }) => board.get(provider));
  const reasons = states.map((state) => (state?.up === false ? state.restReason : null));
  const troubles = reasons.filter((reason) => reason === "credential" || reason === "quota");
  if (troubles.length === 0 || troubles.length < reasons.length) return undefined;
  return troubles.includes("credential") ? "credential" : "quota";
}
