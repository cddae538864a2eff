import { BrokerError } from "../errors/broker-error.ts";

/**
 * Makes the error for every wrong key. Missing, malformed, unknown, expired and revoked keys look
 * the same, so the error tells nothing about keys.
 */
export function invalidApiKey(): BrokerError {
  return new BrokerError(
    "invalid_api_key",
    "Missing or incorrect API key. Send it as 'Authorization: Bearer <key>'.",
  );
}
