import { BrokerError } from "../errors/broker-error.ts";

/** One shape for missing, malformed, unknown, expired and revoked: it tells nothing about keys. */
export function invalidApiKey(): BrokerError {
  return new BrokerError(
    "invalid_api_key",
    "Missing or incorrect API key. Send it as 'Authorization: Bearer <key>'.",
  );
}
