import type { Pool } from "pg";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { toCallerKey, type CallerKey } from "../../shared/keys/caller-key.ts";
import { findKeyStatement, type FoundKeyRow } from "../../shared/keys/find-key-by-hash.ts";
import { invalidApiKey } from "../../shared/keys/invalid-api-key.ts";
import { hashSecret } from "../../shared/keys/key-secret.ts";
import { readBearer } from "./bearer.ts";
import { LookupCache } from "./lookup-cache.ts";

export interface KeyAuth {
  /**
   * Tells whose key an `Authorization` header carries. Throws `BrokerError` `invalid_api_key`, which
   * looks the same for missing, malformed, unknown, expired and revoked keys, and `unavailable` when
   * the database cannot be asked.
   */
  authenticate(authorization: string | undefined): Promise<CallerKey>;
}

export interface KeyAuthOptions {
  readonly pool: Pick<Pool, "query">;
  /** The time in milliseconds since 1970. */
  readonly now?: () => number;
  /** A revoked key may still be let in for this long. The accept statement refuses it even then. */
  readonly cacheMs?: number;
  /**
   * At most this many known keys are kept, and as many unknown ones, which an attacker can make up.
   */
  readonly maxEntries?: number;
}

interface UsableKey {
  readonly caller: CallerKey;
  readonly expiresAtMs: number;
}

interface Lookup {
  readonly askedAt: number;
  readonly answer: Promise<UsableKey | null>;
}

/** Finds keys by their SHA-256 only, so that comparing takes the same time for any wrong key. */
export function createKeyAuth(options: KeyAuthOptions): KeyAuth {
  const { pool, now = Date.now, cacheMs = 500, maxEntries = 10_000 } = options;
  const cacheOptions = { now, maxAgeMs: cacheMs, maxEntries };
  const usable = new LookupCache<UsableKey>(cacheOptions);
  const unusable = new LookupCache<null>(cacheOptions);
  const statement = findKeyStatement(pool);
  const underWay = new Map<string, Lookup>();

  async function ask(hash: string, askedAt: number): Promise<UsableKey | null> {
    const row = await statement.submit({ hash });
    const key = toUsableKey(row);
    if (key === null) {
      usable.delete(hash);
      unusable.set(hash, null, askedAt);
    } else usable.set(hash, key, askedAt);
    return key;
  }

  function lookUp(hash: string): Promise<UsableKey | null> {
    const shared = underWay.get(hash);
    const askedAt = now();
    // An answer from too long ago would outlive a revocation as a cached one would.
    if (shared !== undefined && askedAt - shared.askedAt < cacheMs) return shared.answer;
    const lookup = { askedAt, answer: ask(hash, askedAt) };
    underWay.set(hash, lookup);
    const forget = () => {
      if (underWay.get(hash) === lookup) underWay.delete(hash);
    };
    lookup.answer.then(forget, forget);
    return lookup.answer;
  }

  return {
    async authenticate(authorization) {
      const hash = hashSecret(readBearer(authorization)).toString("hex");
      if (unusable.get(hash) === null) throw invalidApiKey();
      const key = usable.get(hash) ?? (await lookUp(hash).catch(unavailable));
      if (key === null || key.expiresAtMs <= now()) throw invalidApiKey();
      return key.caller;
    },
  };
}

function toUsableKey(row: FoundKeyRow): UsableKey | null {
  if (row.id === null || row.revoked) return null;
  return {
    expiresAtMs: row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY,
    caller: toCallerKey(row),
  };
}

function unavailable(cause: unknown): never {
  if (classifyDatabaseError(cause) === "data") throw cause;
  throw new BrokerError("unavailable", "Keys cannot be checked at the moment.", {
    retryAfterMs: 1_000,
    cause,
  });
}
