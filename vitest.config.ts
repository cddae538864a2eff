import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/redis-global.ts", "test/support/postgres-global.ts"],
    // Generous: a slow machine makes a test slow, not wrong.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Made for two cores: many files mostly wait, for servers that are frozen or away.
    maxWorkers: 3,
  },
});
