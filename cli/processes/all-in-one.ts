import type { CallTimings } from "../../api/calls/call-timings.ts";
import type { RunningApi } from "../../api/main.ts";
import { newId } from "../../shared/contracts/new-id.ts";
import { migrate } from "../../shared/db/migrate.ts";
import { startApiPart, type ApiProcessOptions } from "./api.ts";
import { openLocalParts, type LocalOptions } from "./parts.ts";
import { startWorkerPart } from "./worker.ts";

/** Without `redisUrl`, everything is inside this process, and the queues are in PostgreSQL. */
export interface AllInOneOptions
  extends LocalOptions, Pick<ApiProcessOptions, "adminKey" | "host" | "port"> {
  readonly timings?: Partial<CallTimings>;
}

export interface AllInOne {
  readonly api: RunningApi;
  /**
   * Lets running calls end within the grace time, then closes everything but the database server. A
   * later call changes the grace time that is left.
   */
  stop(graceMs: number): Promise<void>;
}

/** Starts API and workers in one process, on a database that is migrated first. */
export async function startAllInOne(options: AllInOneOptions): Promise<AllInOne> {
  const { log } = options;
  const resources = new AsyncDisposableStack();
  try {
    await migrate(options.databaseUrl);
    const parts = await openLocalParts(options);
    resources.defer(() => parts.close());
    const worker = await startWorkerPart(parts, {
      ...options,
      id: newId("worker"),
      inFleet: false,
      log: log.child({ part: "worker" }),
    });
    let workerGraceMs = 0;
    resources.defer(() => worker.stop(workerGraceMs));
    const api = await startApiPart(parts, {
      ...options,
      id: newId("api"),
      inFleet: false,
      log: log.child({ part: "api" }),
    });
    let closing: Promise<void> | undefined;
    return {
      api,
      async stop(graceMs) {
        // The workers keep running until the API's callers have their answers.
        await api.stop(graceMs);
        workerGraceMs = 1_000;
        await (closing ??= resources.disposeAsync());
      },
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
