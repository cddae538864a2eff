import { setTimeout as sleep } from "node:timers/promises";
import { type InstanceLock, takeInstanceLock } from "../embedded-postgres/instance-lock.ts";

/** Thrown when another process works on the same data. */
export class StoreInUseError extends Error {
  override readonly name = "StoreInUseError";
}

export interface KeepInstanceLockOptions {
  /** The URL of a direct connection, not through a pooler. */
  readonly databaseUrl: string;
  /** Says what to do when another process holds the lock. */
  readonly inUse: string;
  /** Called while the database does not answer. It brings an embedded server back, or throws. */
  readonly revive: () => Promise<void>;
  readonly log: (line: string) => void;
}

/** The instance lock, held over the whole life of a broker even if its connection breaks. */
export interface KeptInstanceLock {
  /** Resolves when this process must end: another one has the lock, or the database is gone. */
  readonly failed: Promise<Error>;
  /** Releases the lock after `last`; no other process may begin during `last`. */
  release(last?: () => Promise<void>): Promise<void>;
}

const RETRY_MS = 250;

/**
 * Takes the instance lock, and takes it again whenever its session ends. Throws a `StoreInUseError`
 * when another process holds it, and passes on the errors of the connection.
 */
export async function keepInstanceLock(
  options: KeepInstanceLockOptions,
): Promise<KeptInstanceLock> {
  const take = async (): Promise<InstanceLock> => {
    const lock = await takeInstanceLock(options.databaseUrl);
    if (lock === null) throw new StoreInUseError(options.inUse);
    return lock;
  };
  let lock = await take();
  const released = new AbortController();
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>();

  const takeAgain = async (): Promise<void> => {
    options.log("the connection to the database is lost: connecting again");
    while (!released.signal.aborted) {
      try {
        lock = await take();
        options.log("the database answers again");
        return;
      } catch (error) {
        if (error instanceof StoreInUseError) throw error;
      }
      await options.revive();
      await sleep(RETRY_MS, undefined, { signal: released.signal }).catch(() => undefined);
    }
  };
  const { promise: aborted, resolve: endLoop } = Promise.withResolvers<void>();
  released.signal.addEventListener("abort", () => endLoop());
  const loop = (async () => {
    while (!released.signal.aborted) {
      await Promise.race([lock.lost, aborted]);
      if (!released.signal.aborted) await takeAgain();
    }
  })().catch((error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));

  return {
    failed,
    async release(last = () => Promise.resolve()) {
      released.abort();
      await loop;
      await last();
      await lock.release().catch(() => undefined);
    },
  };
}
