import type { EgressPolicy } from "../../shared/egress/egress-policy.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";

const PARAM = "webhook_url";

/**
 * Checks the address to which the end of the request's job is to be sent. Throws `BrokerError` for
 * an address that may not be called and for a caller that waits on the connection, and
 * `permission_denied` when the key may not name an address.
 */
export async function webhookUrlOf(
  egress: EgressPolicy,
  key: Pick<CallerKey, "allowWebhookUrl">,
  input: unknown,
  isAsync: boolean,
): Promise<string | undefined> {
  if (input == null) return undefined;
  if (typeof input !== "string")
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
  const url = egress.checkUrl(input, PARAM);
  await egress.checkResolved(url, PARAM);
  return url.href;
}
