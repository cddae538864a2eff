import { readFileSync } from "node:fs";
import tls from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi, type TestContext } from "vitest";
import { checkRedis } from "../../../shared/redis/check-redis.ts";
import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import type { OwnRedisOptions } from "../../support/own-redis.ts";
import { eventually } from "../../support/eventually.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { startTestRedis } from "../../support/redis.ts";

interface Checked {
  /** It is undefined when the server may be used. */
  readonly problem: string | undefined;
  /** The first answer may go to the client's greeting, so the check may ask once more. */
  readonly triesAfterAnswer: number;
  readonly tookMs: number;
}

async function check(url: string): Promise<Checked> {
  let hasAnswered = false;
  let triesAfterAnswer = 0;
  const onError = ({ message }: Error): void => {
    hasAnswered ||= /^(NOAUTH|WRONGPASS)/.test(message);
  };
  const client = openRedis({ url, role: "producer", onError });
  const info = client.info.bind(client);
  vi.spyOn(client, "info").mockImplementation(async (...sections) => {
    if (hasAnswered) triesAfterAnswer++;
    const answer = await info(...sections);
    hasAnswered = true;
    return answer;
  });
  const startMs = performance.now();
  const checked = (problem?: string): Checked => ({
    problem,
    triesAfterAnswer,
    tookMs: performance.now() - startMs,
  });
  try {
    await checkRedis(client);
    return checked();
  } catch (error) {
    return checked((error as Error).message);
  } finally {
    await closeRedis(client);
  }
}

async function start({ onTestFinished }: TestContext, options: OwnRedisOptions) {
  const redis = await startTestRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

function withPassword(redisUrl: string, password: string): string {
  const url = new URL(redisUrl);
  url.password = password;
  return url.toString();
}

describe.concurrent("a server", () => {
  test("that keeps what it holds may be used", async (context) => {
    const { url } = await start(context, {});
    expect((await check(url)).problem).toBeUndefined();
  });

  test.for(["allkeys-lru", "volatile-ttl"])(
    "that evicts by %s is refused, with what to change",
    async (policy, context) => {
      const { url } = await start(context, { maxMemory: "16mb", maxMemoryPolicy: policy });
      const { problem, triesAfterAnswer } = await check(url);
      expect(problem).toBe(
        `the Redis of REDIS_URL evicts keys when its memory is full (maxmemory-policy ${policy}), and queued requests with them: set maxmemory-policy to noeviction`,
      );
      expect(triesAfterAnswer).toBeLessThanOrEqual(1);
    },
  );

  test("that has a limit and refuses what is beyond it may be used", async (context) => {
    const { url } = await start(context, { maxMemory: "16mb" });
    expect((await check(url)).problem).toBeUndefined();
  });

  test("with a password lets in who knows it, and refuses others at once", async (context) => {
    const { url } = await start(context, { password: "right" });
    expect((await check(url)).problem).toBeUndefined();
    const wrong = await check(withPassword(url, "wrong"));
    expect(wrong.problem).toMatch(/^the Redis of REDIS_URL cannot be used: WRONGPASS/);
    const none = await check(withPassword(url, ""));
    expect(none.problem).toMatch(/^the Redis of REDIS_URL cannot be used: NOAUTH/);
    for (const { triesAfterAnswer } of [wrong, none])
      expect(triesAfterAnswer).toBeLessThanOrEqual(1);
    expect(`${wrong.problem} ${none.problem}`).not.toMatch(/right|wrong\b/);
  });

  test("that answers greeting and command at once says what was wrong with the greeting", async (context) => {
    const { url } = await start(context, { password: "right" });
    const { hostname, port } = new URL(url);
    const proxy = await startTcpProxy(hostname, Number(port));
    context.onTestFinished(() => proxy.close());
    proxy.fault = "stall";
    const wrong = check(withPassword(proxy.through(url), "wrong"));
    await eventually(() => expect(proxy.connections).toBe(1));
    await sleep(300);
    proxy.fault = "none";
    expect((await wrong).problem).toMatch(/^the Redis of REDIS_URL cannot be used: WRONGPASS/);
  });

  test("that is not there is waited for, ten seconds", async (context) => {
    const redis = await start(context, { appendOnly: true });
    await redis.kill();
    const { problem, tookMs } = await check(redis.url);
    expect(problem).toMatch(/^the Redis of REDIS_URL cannot be used: connect ECONNREFUSED/);
    expect(tookMs).toBeGreaterThanOrEqual(10_000);
    const checking = check(redis.url);
    await redis.restart();
    expect((await checking).problem).toBeUndefined();
  });

  test("behind rediss:// may be used when its certificate is trusted", async (context) => {
    const redis = await start(context, { tls: true });
    const before = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...before, readFileSync(redis.caFile ?? "", "utf8")]);
    context.onTestFinished(() => {
      tls.setDefaultCACertificates(before);
    });
    expect((await check(redis.url)).problem).toBeUndefined();
  });

  test("behind rediss:// is refused when its certificate is not trusted", async (context) => {
    const { url } = await start(context, { tls: true });
    expect((await check(url)).problem).toMatch(/cannot be used: self-signed certificate/);
  });

  test("that speaks TLS is not spoken to without", async (context) => {
    const { url } = await start(context, { tls: true });
    const { problem } = await check(url.replace("rediss:", "redis:"));
    expect(problem).toMatch(/^the Redis of REDIS_URL cannot be used: /);
  });
});
