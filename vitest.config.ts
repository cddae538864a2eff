import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/postgres-global.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores, real servers: more files at once only make each other late.
    maxWorkers: 2,
  },
});
