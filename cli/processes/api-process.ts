import { OwnedJobs } from "../../api/calls/owned-jobs.ts";
import { startApi, type RunningApi } from "../../api/main.ts";
import { openFleetParts } from "./fleet-parts.ts";
import type { ProcessOptions } from "./process-options.ts";

export interface ApiProcessOptions extends ProcessOptions {
  readonly adminKey: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Starts one API process of a fleet. Rejects when the address is taken or Redis cannot be used. */
export async function startApiProcess(options: ApiProcessOptions): Promise<RunningApi> {
  const parts = await openFleetParts("api", options);
  const { id, database, queues, providerStates, path, metrics, log } = parts;
  try {
    const api = await startApi({
      id,
      inFleet: true,
      config: options.config,
      cadences: options.cadences,
      database,
      directUrl: options.directUrl,
      queues,
      providerStates,
      metrics,
      log,
      jobs: new OwnedJobs(),
      order: parts.order,
      accepted: parts.accepted,
      events: parts.events,
      replies: path.receiver,
      reply: parts.reply,
      stops: path.stops,
      readSince: () => path.readSince(),
      adminKey: options.adminKey,
      host: options.host,
      port: options.port,
    });
    let closing: Promise<void> | undefined;
    return {
      ...api,
      async stop(graceMs) {
        await api.stop(graceMs);
        await (closing ??= parts.close());
      },
    };
  } catch (error) {
    await parts.close();
    throw error;
  }
}
