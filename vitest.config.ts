import { defineConfig } from "vitest/config";
import { SpreadWaiters } from "./test/support/spread-waiters.ts";

export default defineConfig({
  test: {
    // Generous: a slow machine makes a test slow, not wrong.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Two cores: fewer leave them idle, since many tests wait for deaths and leases.
    maxWorkers: 6,
    // Tests of one file that say they are concurrent wait for servers, too.
    maxConcurrency: 10,
    // Modules keep no state, and to evaluate them anew for each file took a third of the time.
    isolate: false,
    sequence: { sequencer: SpreadWaiters },
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/unit/**/*.test.ts"] },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/{system,bench,chaos}/**/*.test.ts"],
          // In this order: what the others start keeps its files where the first one says.
          globalSetup: [
            "test/support/temporary-global.ts",
            "test/support/redis-global.ts",
            "test/support/postgres-global.ts",
            "test/support/programs-global.ts",
            "test/support/starts-global.ts",
          ],
        },
      },
    ],
  },
});
