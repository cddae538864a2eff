import type { EgressPolicy } from "../../shared/egress/egress-policy.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";

const PARAM = "webhook_url";

/**
 * Where a request itself wants its job's end to be told. Throws `BrokerError` when it is no address
 * that may be called, when nobody waits for that end, or `permission_denied` when the key may not.
 */
export async function webhookUrlOf(
  egress: EgressPolicy,
  key: Pick<CallerKey, "allowWebhookUrl">,
  asked: unknown,
  isAsync: boolean,
): Promise<string | undefined> {
  if (asked == null) return undefined;
  if (typeof asked !== "string")
    throw new BrokerError("invalid_request", `'${PARAM}' must be a string.`, { param: PARAM });
  if (!key.allowWebhookUrl)
    throw new BrokerError(
      "permission_denied",
      `This API key may not name a '${PARAM}'; register an endpoint at /v1/webhook_endpoints.`,
      { param: PARAM },
    );
  if (!isAsync)
    throw new BrokerError(
      "invalid_request",
      `'${PARAM}' needs 'background': true or the header 'Prefer: respond-async'.`,
      { param: PARAM },
    );
  const url = egress.checkUrl(asked, PARAM);
  await egress.checkResolved(url, PARAM);
  return url.href;
}
