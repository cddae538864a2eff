import { OwnedJobs } from "../../api/calls/owned-jobs.ts";
import { startApi, type ApiProcessDeps, type RunningApi } from "../../api/main.ts";
import { openFleetParts, type Parts } from "./parts.ts";
import type { ProcessOptions } from "./process-options.ts";

export interface ApiProcessOptions extends ProcessOptions {
  readonly adminKey: string;
  readonly host: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
}

/** Starts one API process of a fleet. Rejects when the address is taken or Redis cannot be used. */
export async function startApiProcess(options: ApiProcessOptions): Promise<RunningApi> {
  const parts = await openFleetParts("api", options);
  try {
    const api = await startApiPart(parts, { ...options, ...parts, inFleet: true });
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

/** Starts the API of a process on its parts. */
export function startApiPart(
  parts: Parts,
  options: Pick<
    ApiProcessDeps,
    | "id"
    | "inFleet"
    | "config"
    | "directUrl"
    | "adminKey"
    | "host"
    | "port"
    | "log"
    | "cadences"
    | "timings"
  >,
): Promise<RunningApi> {
  const { path } = parts;
  return startApi({
    ...parts,
    ...options,
    jobs: new OwnedJobs(),
    replies: path.receiver,
    stops: path.stops,
    readSince: () => path.readSince(),
  });
}
