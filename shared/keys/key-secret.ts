import { hash, randomBytes } from "node:crypto";
import { newId } from "../contracts/new-id.ts";

export interface NewSecret {
  /** `key_` and a time-ordered UUID. */
  readonly id: string;
  /** Callers send this secret. It is shown once and stored nowhere. */
  readonly secret: string;
  readonly hash: Buffer;
  /** By these last four characters a person can tell keys apart. */
  readonly hint: string;
}

/** Makes a key of 256 random bits. */
export function newSecret(): NewSecret {
  const secret = `sk-${randomBytes(32).toString("base64url")}`;
  return {
    id: newId("key"),
    secret,
    hash: hashSecret(secret),
    hint: secret.slice(-4),
  };
}

/** Returns the SHA-256 of a key. Random keys need no salt and no slow hash. */
export function hashSecret(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}
