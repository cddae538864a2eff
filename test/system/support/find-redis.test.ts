import { createServer } from "node:http";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { checkRedisUrl } from "../../support/check-redis-url.ts";
import { findRedis, type RedisWays } from "../../support/find-redis.ts";
import { startOwnRedis } from "../../support/own-redis.ts";

import { installRedisPackage } from "../../support/redis-package.ts";
import { findRedisProgram } from "../../support/redis-program.ts";
import { startSharedRedisContainer } from "../../support/shared-redis-container.ts";

/** The directory stands in for the system's search path, and has no Redis on it. */
let directory: string;
/** The steps that were tried and their messages, in order. */
let steps: string[];

beforeEach(async () => {
  steps = [];
  directory = await mkdtemp(join(tmpdir(), "spillway-find-"));
  return () => rm(directory, { recursive: true });
});

/** Only the given ways lead to a Redis. */
function ways(given: Partial<RedisWays> = {}): RedisWays {
  return {
    url: undefined,
    checkUrl: (url) => {
      steps.push(`check ${url}`);
      return Promise.resolve();
    },
    findProgram: () => findRedisProgram(directory),
    startContainer: () => {
      steps.push("container");
      return Promise.resolve(undefined);
    },
    installPackage: undefined,
    log: (line) => steps.push(line),
    ...given,
  };
}

async function addProgram(name: string, exitCode = 0): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, `#!/bin/sh\nexit ${exitCode}\n`, { mode: 0o755 });
  return file;
}

const policyFile = (): string => join(directory, "policy-rc.d");

/** Records the commands; the first `failures` runs fail. */
function runner(failures: number) {
  let runs = 0;
  return async (file: string, args: readonly string[]): Promise<void> => {
    steps.push([file, ...args].join(" "));
    if (file === "apt-get") {
      expect((await stat(policyFile())).mode & 0o111).toBe(0o111);
      runs += 1;
      if (runs <= failures) throw new Error(`run ${runs} failed`);
    }
  };
}

const container = {
  url: "redis://container:1",
  image: "redis:test",
  stop: (): Promise<void> => {
    steps.push("container stopped");
    return Promise.resolve();
  },
};

describe("the order", () => {
  test("REDIS_URL comes first, and a program beside it serves what needs its own server", async () => {
    const program = await addProgram("redis-server");
    const found = await findRedis(ways({ url: "redis://given:6379" }));
    expect(found).toMatchObject({ url: "redis://given:6379", program });
    expect(steps).toEqual(["check redis://given:6379"]);
  });

  test("a REDIS_URL that does not answer is an error, whatever else there is", async () => {
    await addProgram("redis-server");
    await expect(
      findRedis(ways({ url: "redis://127.0.0.1:1", checkUrl: checkRedisUrl })),
    ).rejects.toThrow(
      "The server of REDIS_URL (127.0.0.1:1) cannot be used: connect ECONNREFUSED 127.0.0.1:1.",
    );
  });

  test("then a program on the search path", async () => {
    const program = await addProgram("valkey-server");
    const found = await findRedis(ways());
    expect(found).toMatchObject({ url: undefined, program });
    expect(steps).toEqual([]);
  });

  test("then a container, which is stopped at the end", async () => {
    const found = await findRedis(
      ways({
        startContainer: () => Promise.resolve(container),
        installPackage: () => Promise.reject(new Error("not needed")),
      }),
    );
    expect(found).toMatchObject({
      url: "redis://container:1",
      program: undefined,
      image: "redis:test",
    });
    await found.stop();
    expect(steps).toEqual([
      "The tests use a Redis in a container of their own.",
      "container stopped",
    ]);
  });

  test("then the package, with a line that says so", async () => {
    const found = await findRedis(
      ways({ installPackage: async () => void (await addProgram("redis-server")) }),
    );
    expect(found).toMatchObject({ url: undefined, program: join(directory, "redis-server") });
    expect(steps).toEqual([
      "container",
      "The tests need Redis: installing the Debian package redis-server.",
    ]);
  });

  test("at the end one sentence says what to do", async () => {
    await expect(findRedis(ways())).rejects.toThrow(
      /^The tests need Redis: install redis-server or valkey-server, set REDIS_URL, start Docker, or run them as root on Debian, which installs it\.$/,
    );
  });

  test("and what was tried in vain", async () => {
    const given = {
      startContainer: () => Promise.reject(new Error("no such image")),
      installPackage: () => Promise.reject(new Error("no network")),
    };
    await expect(findRedis(ways(given))).rejects.toThrow(
      "installs it (Docker: no such image; apt-get: no network).",
    );
  });
});

describe("the program", () => {
  test("has to be there and to run", async () => {
    expect(await findRedisProgram("")).toBeUndefined();
    await addProgram("redis-server", 1);
    expect(await findRedisProgram(directory)).toBeUndefined();
    const works = await addProgram("valkey-server");
    expect(await findRedisProgram(`/nowhere:${directory}`)).toBe(works);
    await chmod(works, 0o644);
    expect(await findRedisProgram(directory)).toBeUndefined();
  });
});

describe("the package", () => {
  const install =
    "apt-get --yes -o DPkg::Lock::Timeout=120 install --no-install-recommends redis-server";
  const update = "apt-get --yes -o DPkg::Lock::Timeout=120 update";
  const disable = "update-rc.d redis-server disable";

  test("is installed with services forbidden meanwhile, and stays off at the next boot", async () => {
    await installRedisPackage({ run: runner(0), policyFile: policyFile() });
    expect(steps).toEqual([install, disable]);
    await expect(stat(policyFile())).rejects.toThrow("ENOENT");
  });

  test("needs package lists: they are fetched once", async () => {
    await installRedisPackage({ run: runner(1), policyFile: policyFile() });
    expect(steps).toEqual([install, update, install, disable]);
  });

  test("that cannot be had is an error, and forbids nothing any more", async () => {
    await expect(installRedisPackage({ run: runner(3), policyFile: policyFile() })).rejects.toThrow(
      "run 2 failed",
    );
    await expect(stat(policyFile())).rejects.toThrow("ENOENT");
  });

  test("on a system with a policy of its own is stopped, and the policy stays", async () => {
    await writeFile(policyFile(), "its own", { mode: 0o755 });
    await installRedisPackage({ run: runner(0), policyFile: policyFile() });
    expect(steps).toEqual([install, "service redis-server stop", disable]);
    expect(await readFile(policyFile(), "utf8")).toBe("its own");
  });
});

test("a Docker engine that answers but cannot start the image is an error", async () => {
  const engine = createServer((request, response) => {
    const isInfo = request.url?.endsWith("/info") === true;
    response.writeHead(isInfo ? 200 : 500, { "content-type": "application/json" });
    response.end(JSON.stringify(isInfo ? { OperatingSystem: "test" } : { message: "no registry" }));
  });
  await once(engine.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void engine.close());
  const address = engine.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  vi.stubEnv("DOCKER_HOST", `tcp://127.0.0.1:${address.port}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(startSharedRedisContainer()).rejects.toThrow("no registry");
});

test("a REDIS_URL is usable when its server answers without TLS", async () => {
  const redis = await startOwnRedis({ password: "right" });
  onTestFinished(() => redis.stop());
  await checkRedisUrl(redis.url);
  await expect(checkRedisUrl(redis.url.replace("right", "wrong"))).rejects.toThrow("WRONGPASS");
  await expect(checkRedisUrl("rediss://127.0.0.1:1")).rejects.toThrow("without TLS only");
});
