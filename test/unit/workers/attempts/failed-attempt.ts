import type { PlannedTarget } from "../../../../shared/contracts/plan.ts";
import type { FailedAttempt } from "../../../../workers/attempts/decide-next.ts";

export function target(
  provider: string,
  role: PlannedTarget["role"],
  location: PlannedTarget["location"],
  contextLength?: number,
): PlannedTarget {
  return {
    provider,
    role,
    location,
    model: "m",
    inputNanosPerMillion: "0",
    outputNanosPerMillion: "0",
    holdNanos: "0",
    ...(contextLength === undefined ? {} : { contextLength }),
  };
}

export function failedAttempt(changes: Partial<FailedAttempt>): FailedAttempt {
  return {
    reason: "server_error",
    forwarded: false,
    tries: 1,
    maxAttempts: 3,
    attempts: 1,
    target: 0,
    plan: [target("gpu-a", "serve", "local", 8192)],
    tried: new Set(["gpu-a"]),
    up: () => true,
    residency: "any",
    overflowOnFailure: true,
    waitsForCapacity: true,
    isOwed: false,
    remainingMs: 60_000,
    promptTokensBound: 100,
    random: () => 0.5,
    ...changes,
  };
}
