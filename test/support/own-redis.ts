import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { inject } from "vitest";
import { RedisContainer } from "./redis-container.ts";
import { RedisProcess } from "./redis-process.ts";
import type { RedisRunner } from "./redis-runner.ts";
import { makeTestCertificate, type TestCertificate } from "./test-certificate.ts";
import type { TestRedis } from "./test-redis.ts";

export interface OwnRedisOptions {
  /** Keeps the data in an append-only file, which survives a restart. */
  readonly appendOnly?: boolean;
  /** A value as in redis.conf, e.g. `8mb`. */
  readonly maxMemory?: string;
  /** A value as in redis.conf; Redis' own default is `noeviction`. */
  readonly maxMemoryPolicy?: string;
  readonly password?: string;
  /** Accepts TLS only, with the certificate in `caFile`. */
  readonly tls?: boolean;
}

export interface OwnRedis extends TestRedis {
  readonly port: number;
}

/** Starts a server for one test, on a free port of 127.0.0.1. */
export async function startOwnRedis(options: OwnRedisOptions = {}): Promise<OwnRedis> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-redis-"));
  const runner = chooseRunner(directory);
  const remove = async (): Promise<void> => {
    await runner.remove();
    await rm(directory, { recursive: true, force: true });
  };
  let certificate: TestCertificate | undefined;
  let port: number;
  const optionsAt = (at: number): string[] => serverOptions(options, directory, at, certificate);
  try {
    if (options.tls === true) certificate = await makeTestCertificate(directory);
    port = await runner.start(optionsAt);
  } catch (error) {
    await remove();
    throw error;
  }
  const url = new URL(`${certificate === undefined ? "redis" : "rediss"}://127.0.0.1:${port}`);
  url.password = options.password ?? "";
  let looking: Redis | undefined;
  const client = (): Redis => (looking ??= openClient(url.toString(), certificate));
  return {
    port,
    url: url.toString(),
    caFile: certificate?.certFile,
    client,
    async wipe() {
      await client().flushall();
    },
    kill: () => runner.kill(),
    async restart() {
      await runner.kill();
      await runner.start(optionsAt, port);
    },
    freeze: () => runner.freeze(),
    thaw: () => runner.thaw(),
    async stop() {
      looking?.disconnect();
      await remove();
    },
  };
}

function chooseRunner(directory: string): RedisRunner {
  const { program, image } = inject("redis");
  if (program !== undefined) return new RedisProcess(program, directory);
  if (image !== undefined) return new RedisContainer(image, directory);
  throw new Error("This test needs a Redis of its own: install redis-server or valkey-server.");
}

function serverOptions(
  options: OwnRedisOptions,
  directory: string,
  port: number,
  certificate: TestCertificate | undefined,
): string[] {
  const settings: Record<string, string> = {
    dir: directory,
    save: "",
    appendonly: options.appendOnly === true ? "yes" : "no",
    ...(options.maxMemory === undefined ? {} : { maxmemory: options.maxMemory }),
    ...(options.maxMemoryPolicy === undefined
      ? {}
      : { "maxmemory-policy": options.maxMemoryPolicy }),
    ...(options.password === undefined
      ? {}
      : { requirepass: options.password, masterauth: options.password }),
    ...(certificate === undefined
      ? { port: String(port) }
      : {
          port: "0",
          "tls-port": String(port),
          "tls-cert-file": certificate.certFile,
          "tls-key-file": certificate.keyFile,
          "tls-ca-cert-file": certificate.certFile,
          "tls-auth-clients": "no",
        }),
    // Otherwise a replica waits five seconds for others to join.
    "repl-diskless-sync-delay": "0",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

function openClient(url: string, certificate: TestCertificate | undefined): Redis {
  const client = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
    ...(certificate === undefined ? {} : { tls: { ca: readFileSync(certificate.certFile) } }),
  });
  client.on("error", () => undefined); // ioredis reconnects by itself.
  return client;
}
