import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { spread } from "./load/spread.ts";
import type { Measurement } from "./measure/measure.ts";
import { marks } from "./report/marks.ts";
import { readProfile } from "./report/read-profile.ts";
import { resultTable } from "./report/table.ts";

function measurement(more: Partial<Measurement>): Measurement {
  return {
    system: "split",
    connections: 256,
    bodyBytes: 1024,
    stream: false,
    slowCommits: false,
    seconds: 1,
    answers: 1,
    errors: 0,
    firstError: undefined,
    latencyMs: { p50: 25, p99: 50 },
    firstTokenMs: undefined,
    perSecond: 1300,
    cpuMs: { API: 0.5, worker: 0.125, Redis: 0.0625, PostgreSQL: 9 },
    ...more,
  };
}

const PORTKEY = measurement({ system: "portkey", perSecond: 1000, cpuMs: { gateway: 1 } });

function met(ours: Measurement): boolean[] {
  return marks([ours, PORTKEY]).map(({ isMet }) => isMet);
}

test("marks are met up to their limits and missed beyond them", () => {
  expect(met(measurement({}))).toEqual([true, true]);
  expect(met(measurement({ perSecond: 1299 }))).toEqual([false, true]);
  expect(met(measurement({ cpuMs: { API: 0.5, worker: 0.125, Redis: 0.125 } }))).toEqual([
    true,
    false,
  ]);
});

test("what was added counts from the upstream's own time", () => {
  const one = { connections: 1 };
  const streams = { connections: 32, stream: true };
  const found = marks([
    measurement({ ...one, system: "upstream", latencyMs: { p50: 20, p99: 20 } }),
    measurement({ ...one, latencyMs: { p50: 28.5, p99: 30 } }),
    measurement({ ...streams, system: "upstream", firstTokenMs: { p50: 20, p99: 20 } }),
    measurement({ ...streams, firstTokenMs: { p50: 29, p99: 40 } }),
  ]);
  expect(found.map(({ got, isMet }) => [got, isMet])).toEqual([
    ["8.5 ms", false],
    ["9.0 ms", true],
  ]);
});

test("slow commits are compared with who commits nothing", () => {
  const found = marks([measurement({ slowCommits: true, perSecond: 500 }), PORTKEY]);
  expect(found).toMatchObject([
    { name: expect.stringMatching(/slow commits$/), got: "0.50 × (500 : 1000)", isMet: false },
    { isMet: true },
  ]);
});

test("the table shows processor time by part", () => {
  const [, , row = ""] = resultTable([measurement({})]).split("\n");
  expect(row).toContain("API 0.50, worker 0.13, Redis 0.06, PostgreSQL 9.00");
  expect(row).toContain("| 9.69 ");
});

test("percentiles are values that were seen", () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(spread(values)).toEqual({ p50: 100, p99: 198 });
  expect(spread([])).toEqual({ p50: Number.NaN, p99: Number.NaN });
});

function node(id: number, functionName: string, url: string) {
  return { id, callFrame: { functionName, url, lineNumber: 9 } };
}

test("a profile's self times are shared out among what was busy within the window", async () => {
  const dir = await mkdtemp(join(tmpdir(), "spillway-bench-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, "api.cpuprofile");
  const here = pathToFileURL("api/main.ts").href;
  const inPackage = pathToFileURL("/x/node_modules/@fastify/y/index.js").href;
  await writeFile(
    file,
    JSON.stringify({
      nodes: [node(1, "(idle)", ""), node(2, "start", here), node(3, "", inPackage)],
      startTime: 1_000_000,
      samples: [2, 2, 1, 3, 3],
      timeDeltas: [1000, 3000, 4000, 1000, 900_000],
    }),
  );
  const profile = await readProfile(file, { beganMs: 1001.5, endedMs: 1500 });
  expect(profile).toEqual({
    busyShare: 0.5,
    modules: [
      { name: "api/main.ts", share: 0.75 },
      { name: "@fastify/y", share: 0.25 },
    ],
    functions: [
      { name: "start api/main.ts:10", share: 0.75 },
      { name: "(anonymous) @fastify/y:10", share: 0.25 },
    ],
  });
});
