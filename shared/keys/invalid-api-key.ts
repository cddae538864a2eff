import { BrokerError } from "../errors/broker-error.ts";

/**
 * Makes the error of every wrong key: missing, malformed, unknown, expired and revoked ones look the
 * same, so that it tells nothing about keys.
 */
export function invalidApiKey(): BrokerError {
  return new BrokerError(
    "invalid_api_key",
    "Missing or incorrect API key. Send it as 'Authorization: Bearer <key>'.",
  );
}
