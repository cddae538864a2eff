import { invalidApiKey } from "../../shared/keys/invalid-api-key.ts";

const MAX_HEADER_LENGTH = 4096;
const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/**
 * Returns the credential of an `Authorization: Bearer` header. If there is none, or if it cannot be
 * a key because it is too long or not ASCII, it throws the one error that every wrong credential
 * gets.
 */
export function readBearer(authorization: string | undefined): string {
  const credential =
    authorization !== undefined && authorization.length <= MAX_HEADER_LENGTH
      ? BEARER.exec(authorization)?.[1]
      : undefined;
  if (credential === undefined) throw invalidApiKey();
  return credential;
}
