import { hash } from "node:crypto";
import type { FastifyBaseLogger, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { attachLost, recordLost } from "../../shared/jobs/lost-jobs.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";

export interface SdkRetriesDeps {
  readonly database: { readonly pool: Pick<Pool, "query"> };
  /** Name of this API process in the fleet. */
  readonly owner: string;
  readonly log: FastifyBaseLogger;
}

/** A try of one of OpenAI's SDKs, which send a request again when its connection is lost. */
export interface SdkTry {
  /** SHA-256 in hex of path and body. */
  readonly hash: string;
  /** Tries before this one. */
  readonly count: number;
}

/** How long after the loss of a connection its caller's next try may still join the job. */
const ATTACH_WITHIN_MS = 60_000;

/** Undefined for requests of other clients. */
export function sdkTryOf(request: FastifyRequest, path: string, body: Buffer): SdkTry | undefined {
  const [count] = [request.headers["x-stainless-retry-count"]].flat();
  if (count === undefined || !/^\d{1,3}$/.test(count)) return undefined;
  return {
    hash: hash("sha256", Buffer.concat([Buffer.from(`${path} `), body])),
    count: Number(count),
  };
}

/** The job whose connection this caller has lost, for this try alone; undefined: there is none. */
export async function joinLost(
  { database, owner: waiter }: SdkRetriesDeps,
  key: string,
  sdkTry: SdkTry,
): Promise<string | undefined> {
  if (sdkTry.count === 0) return undefined;
  return await askDatabase(() =>
    attachLost(database.pool, { key, hash: sdkTry.hash, waiter }, ATTACH_WITHIN_MS),
  );
}

/** While the caller is answered, the loss of its connection is noted, for its next try. */
export async function watchLoss(
  { database, owner, log }: SdkRetriesDeps,
  job: string,
  gone: AbortSignal,
  delivered: Promise<unknown>,
): Promise<unknown> {
  const note = (): void => {
    recordLost(database.pool, job, owner).catch((error: unknown) => {
      log.warn({ err: error, job }, "a lost connection was not noted");
    });
  };
  if (gone.aborted) note();
  else gone.addEventListener("abort", note, { once: true });
  return await delivered;
}
