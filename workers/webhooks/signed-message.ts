import { Webhook } from "standardwebhooks";
import type { ClaimedDelivery } from "../../shared/webhooks/delivery-statements.ts";

export interface SignedMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Makes the message that is sent: a thin event. Each attempt sends the same bytes under the same
 * id, with its own time and signature. While an old secret still counts, there are two signatures.
 */
export function signedMessage(delivery: ClaimedDelivery, now: Date): SignedMessage {
  const id = delivery.event_id;
  const body = JSON.stringify({
    id,
    object: "event",
    type: delivery.event_type,
    created_at: Math.floor(delivery.created_at.getTime() / 1_000),
    data: { id: delivery.object_id },
  });
  const secrets = [delivery.secret, ...(delivery.old_secret === null ? [] : [delivery.old_secret])];
  return {
    headers: {
      "content-type": "application/json",
      "user-agent": "spillway-webhooks",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
      "webhook-signature": secrets
        .map((secret) => new Webhook(secret).sign(id, now, body))
        .join(" "),
    },
    body,
  };
}
