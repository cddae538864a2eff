import { randomBytes } from "node:crypto";

/** A signing secret as Standard Webhooks wants it: `whsec_` and the base64 of 256 random bits. */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}
