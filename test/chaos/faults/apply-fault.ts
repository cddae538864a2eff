import { setTimeout as sleep } from "node:timers/promises";
import type { TcpProxy } from "../../support/tcp-proxy.ts";
import type { ChaosFleet } from "../fleet/chaos-fleet.ts";
import type { LineProblem, PlannedFault } from "./fault.ts";

/** Starts a fault, and ends it when its time is over or `ended` is aborted. */
export async function applyFault(
  fleet: ChaosFleet,
  { fault, forMs }: PlannedFault,
  ended: AbortSignal,
): Promise<void> {
  const { postgres, redis, processes, upstreams, lines } = fleet;
  const itsTime = (): Promise<void> => pause(forMs, ended);
  switch (fault.kind) {
    case "kill":
      processes[fault.process].end("SIGKILL", forMs);
      return;
    case "terminate":
      processes[fault.process].end("SIGTERM", 0);
      return;
    case "freeze": {
      const thaw = processes[fault.process].freeze();
      await itsTime();
      thaw();
      return;
    }
    case "redis flush":
      await redis.flush();
      return;
    case "redis freeze":
      redis.freeze();
      await itsTime();
      redis.thaw();
      return;
    case "redis restart":
      await redis.kill(fault.forgets);
      await itsTime();
      await redis.start();
      return;
    case "postgres sessions":
      await postgres.terminateSessions();
      return;
    case "postgres freeze":
      await postgres.freeze();
      await itsTime();
      postgres.thaw();
      return;
    case "postgres restart":
      await postgres.end();
      await itsTime();
      await postgres.revive();
      return;
    case "line":
      breakLine(lines[fault.line], fault.problem);
      await itsTime();
      lines[fault.line].latencyMs = 0;
      lines[fault.line].fault = "none";
      return;
    case "upstream":
      upstreams[fault.provider].setFault(fault.fault);
      await itsTime();
      upstreams[fault.provider].setFault(null);
      return;
    case "slots":
      await postgres.database.pool.query("update providers set slots = $2 where name = $1", [
        fault.provider,
        fault.slots,
      ]);
      return;
  }
}

function breakLine(line: TcpProxy, problem: LineProblem): void {
  switch (problem.type) {
    case "latency":
      line.latencyMs = problem.ms;
      return;
    case "stall":
    case "drop":
    case "refuse":
      line.fault = problem.type;
      return;
    case "reset":
      line.reset();
      return;
    case "half-open":
      line.halfOpen();
      return;
    case "cut":
      line.cutAfter(problem.bytes, problem.towards);
      return;
  }
}

function pause(ms: number, ended: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal: ended }).catch(() => undefined);
}
