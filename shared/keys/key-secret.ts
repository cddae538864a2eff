import { hash, randomBytes } from "node:crypto";
import { newId } from "../contracts/new-id.ts";

export interface NewSecret {
  /** `key_` and a time-ordered UUID. */
  readonly id: string;
  /** What the caller sends; shown once and stored nowhere. */
  readonly secret: string;
  readonly hash: Buffer;
  /** The last four characters, so that a person can tell keys apart. */
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

/** SHA-256 of a key; random keys need no salt and no slow hash. */
export function hashSecret(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}
