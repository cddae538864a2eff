import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { processLog } from "../../../cli/processes/process-log.ts";
import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";

const PROMPT = "a secret prompt";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis({ maxMemoryPolicy: "noeviction" });
});
afterAll(() => redis.stop());

function written(error: unknown): string {
  let text = "";
  processLog("info", { write: (line: string) => void (text += line) }).warn({ err: error }, "x");
  return text;
}

test("an entry that a full Redis refuses is logged without its request", async () => {
  const connection = openRedis({ url: redis.url, role: "producer", onError: () => undefined });
  const queue = new Queue("full", { connection });
  await queue.waitUntilReady();
  await redis.client().config("SET", "maxmemory", "1");
  const error: unknown = await queue
    .add("job", { body: PROMPT })
    .catch((refused: unknown) => refused);
  await redis.client().config("SET", "maxmemory", "0");
  await queue.close();
  await closeRedis(connection);
  // The library's error holds the request in one form or another.
  expect(JSON.stringify((error as { command?: unknown }).command)).not.toBeUndefined();
  const line = written(error);
  expect(line).toContain("OOM command not allowed");
  expect(line).not.toContain(PROMPT);
  expect(JSON.parse(line)).not.toHaveProperty("err.command");
});

test("causes and single errors are told, and codes", () => {
  const cause = Object.assign(new Error("read"), { code: "ECONNRESET", detail: `(${PROMPT})` });
  const all = new AggregateError([cause], "all", { cause });
  expect(JSON.parse(written(all))).toMatchObject({
    err: {
      type: "AggregateError",
      message: "all",
      errors: [{ message: "read", code: "ECONNRESET" }],
      cause: { message: "read", code: "ECONNRESET" },
    },
  });
  expect(written(all)).not.toContain(PROMPT);
});
