import { invalidApiKey } from "../../shared/keys/invalid-api-key.ts";

const MAX_HEADER_LENGTH = 4096;
const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/**
 * The credential of an `Authorization: Bearer` header. Throws the one error that every wrong
 * credential gets when there is none, or when no key can look like it: too long, or not ASCII.
 */
export function readBearer(authorization: string | undefined): string {
  const credential =
    authorization !== undefined && authorization.length <= MAX_HEADER_LENGTH
      ? BEARER.exec(authorization)?.[1]
      : undefined;
  if (credential === undefined) throw invalidApiKey();
  return credential;
}
