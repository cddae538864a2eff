import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { attachLost, recordLost } from "../../shared/jobs/lost-jobs.ts";
import type { CallDeps } from "./call-deps.ts";
import { whenAborted } from "./disconnection.ts";
import type { InferenceCall } from "./inference-call.ts";

type RetryDeps = Pick<CallDeps, "database" | "owner" | "log">;

/** A retry may join the job for this long after the loss of the connection. */
const ATTACH_WITHIN_MS = 60_000;

/**
 * Counts how often one of OpenAI's SDKs has sent this request before: they send it again when its
 * connection is lost. The count is undefined for other clients.
 */
export function sdkRetriesOf(headers: IncomingHttpHeaders): number | undefined {
  const [count] = [headers["x-stainless-retry-count"]].flat();
  return count === undefined || !/^\d{1,3}$/.test(count) ? undefined : Number(count);
}

/** Returns the SHA-256 in hex of path and body, which all tries of a request share. */
export function requestHash({ path, body }: Pick<InferenceCall, "path" | "body">): string {
  return hash("sha256", Buffer.concat([Buffer.from(`${path} `), body]));
}

/**
 * Returns the job whose connection this caller has lost, for this try only; undefined if there is
 * none.
 */
export async function joinLost(
  { database, owner: waiter }: RetryDeps,
  key: string,
  sameHash: string,
): Promise<string | undefined> {
  return await askDatabase(() =>
    attachLost(database.pool, { key, hash: sameHash, waiter }, ATTACH_WITHIN_MS),
  );
}

/** Records the loss of a caller's connection, for its next try. */
export function recordLossOnDisconnect(
  { database, owner, log }: RetryDeps,
  job: string,
  disconnected: AbortSignal,
): void {
  whenAborted(disconnected, () => {
    recordLost(database.pool, job, owner).catch((error: unknown) => {
      log.warn({ err: error, job }, "a lost connection was not recorded");
    });
  });
}
