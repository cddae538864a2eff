import { BrokerError } from "../../shared/errors/broker-error.ts";

const MAX_HEADER_LENGTH = 4096;
const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/**
 * The credential of an `Authorization: Bearer` header. Throws the one error that every wrong
 * credential gets, here when there is none, or one that no key can be (too long, not ASCII).
 */
export function readBearer(authorization: string | undefined): string {
  const credential =
    authorization !== undefined && authorization.length <= MAX_HEADER_LENGTH
      ? BEARER.exec(authorization)?.[1]
      : undefined;
  if (credential === undefined) throw invalidApiKey();
  return credential;
}

/** One shape for missing, malformed, unknown, expired and revoked: it tells nothing about keys. */
export function invalidApiKey(): BrokerError {
  return new BrokerError(
    "invalid_api_key",
    "Missing or incorrect API key. Send it as 'Authorization: Bearer <key>'.",
  );
}
