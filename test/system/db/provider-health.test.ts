import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readHealth, reportHealth } from "../../../shared/providers/provider-health.ts";
import { forgetProcess } from "../../../shared/processes/fleet-processes.ts";
import { ProviderStates } from "../../../shared/providers/provider-states.ts";
import { seededDatabase, type SeededDatabase } from "./seed.ts";

const well = { resting_ms: null, rest_reason: null };

let seeded: SeededDatabase;
beforeAll(async () => {
  seeded = await seededDatabase(4);
});
beforeEach(async () => {
  await seeded.database.pool.query("delete from processes");
  await seeded.database.pool.query("update providers set healthy = true, slots = 4");
});
afterAll(() => seeded.close());

async function join(id: string, kind = "worker"): Promise<void> {
  await seeded.database.pool.query(
    "insert into processes (id, kind, host, pid) values ($1, $2, 'host', 1)",
    [id, kind],
  );
}

const report = (worker: string, ...unreachable: string[]) =>
  reportHealth(seeded.database.pool, worker, unreachable);

/** Providers that the fleet takes for down. */
async function down(): Promise<string[]> {
  const known = await readHealth(seeded.database.pool);
  return known
    .filter(({ healthy }) => !healthy)
    .map(({ name }) => name)
    .toSorted();
}

describe("a provider is down", () => {
  test("only when no worker reaches it", async () => {
    await join("worker_1");
    await join("worker_2");
    await report("worker_1", "gpu-a", "cloud");
    expect(await down()).toEqual([]);
    await report("worker_2", "gpu-a", "gpu-b");
    expect(await down()).toEqual(["gpu-a"]);
    await report("worker_1", "cloud");
    expect(await down()).toEqual([]);
  });

  test("as long as the last word of a worker stands, said again or not", async () => {
    await join("worker_1");
    await report("worker_1", "gpu-a");
    await report("worker_1", "gpu-a");
    expect(await down()).toEqual(["gpu-a"]);
    await report("worker_1");
    expect(await down()).toEqual([]);
  });

  test("not by the word of an API process, nor of one that nobody knows", async () => {
    await join("api_1", "api");
    await join("api_2", "api");
    await join("worker_1");
    await report("api_1", "gpu-a");
    await report("worker_unknown", "gpu-a");
    expect(await down()).toEqual([]);
    await report("worker_1", "gpu-a");
    expect(await down()).toEqual(["gpu-a"]);
  });
});

describe("with a worker's death", () => {
  test("goes its word: the others' decide", async () => {
    await join("worker_1");
    await join("worker_2");
    await report("worker_1", "gpu-a");
    await report("worker_2");
    await forgetProcess(seeded.database.pool, "worker_2");
    await report("worker_1", "gpu-a");
    expect(await down()).toEqual(["gpu-a"]);
    await join("worker_3");
    await report("worker_3");
    expect(await down()).toEqual([]);
    await forgetProcess(seeded.database.pool, "worker_1");
    await report("worker_3", "gpu-b");
    expect(await down()).toEqual(["gpu-b"]);
  });

  test("of all, what was known stands", async () => {
    await join("worker_1");
    await report("worker_1", "gpu-a");
    await forgetProcess(seeded.database.pool, "worker_1");
    await report("worker_1");
    expect(await down()).toEqual(["gpu-a"]);
  });
});

test("a report says what the fleet knows, and when it changed last", async () => {
  await join("worker_1");
  const known = await report("worker_1", "gpu-b");
  expect(known.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
    { name: "cloud", slots: 4, healthy: true, ...well },
    { name: "gpu-a", slots: 4, healthy: true, ...well },
    { name: "gpu-b", slots: 4, healthy: false, ...well },
  ]);
  const { pool } = seeded.database;
  const changedAt = async (): Promise<unknown[]> =>
    (await pool.query("select name, health_changed_at, xmin from providers order by name")).rows;
  const before = await changedAt();
  await report("worker_1", "gpu-b");
  expect(await changedAt()).toEqual(before);
});

test("workers that report at once do not stand in each other's way", async () => {
  const workers = Array.from({ length: 8 }, (_, index) => `worker_${index}`);
  for (const worker of workers) await join(worker);
  for (let round = 0; round < 10; round++)
    await Promise.all(
      workers.map((worker, at) =>
        at % 2 === round % 2 ? report(worker, "cloud", "gpu-a") : report(worker, "gpu-b", "gpu-a"),
      ),
    );
  await report("worker_0");
  for (const worker of workers) await report(worker, "gpu-a");
  expect(await down()).toEqual(["gpu-a"]);
});

test("the board of a process takes slots from the database, whatever its own file says", async () => {
  const providerStates = new ProviderStates([
    { name: "gpu-a", location: "local", slots: 99 },
    { name: "only-here", location: "local", slots: 5 },
  ]);
  await join("worker_1");
  await seeded.database.pool.query("update providers set slots = 2 where name = 'gpu-a'");
  providerStates.apply(await report("worker_1", "gpu-a"));
  expect(providerStates.get("gpu-a")).toMatchObject({ slots: 2, up: false });
  expect(providerStates.get("only-here")).toMatchObject({ slots: 5, up: true });
  expect(providerStates.get("cloud")).toBeUndefined();
  providerStates.apply(await report("worker_1"));
  expect(providerStates.isUp("gpu-a")).toBe(true);
  providerStates.apply(await readHealth(seeded.database.pool));
  expect(providerStates.isUp("gpu-a")).toBe(true);
});
