import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startCountingServer, type CountingServer } from "../../support/counting-server.ts";
import type { Fault } from "../../../cli/simulate/faults.ts";
import type { Simulator } from "../../../cli/simulate/simulator.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, contentOf, errorOf, type Answer } from "./ask.ts";
import { expectAtRest } from "./fault-rig.ts";
import { withoutRescue } from "./without-rescue.ts";

let cloud: CountingServer;
let broker: TestBroker;
let gpu: Simulator;
/** One key for each residency. */
let keys: { readonly local: string; readonly any: string };

beforeAll(async () => {
  cloud = await startCountingServer();
  broker = await startTestBroker({
    providers: {
      gpu: { slots: 4, yaml: "timeouts: { first_byte: 1s, idle: 1s }" },
      cloud: { location: "cloud", baseUrl: cloud.url, brokerSlots: 8 },
    },
    cadences: withoutRescue,
    models: ["chat", "strict"]
      .flatMap((model) => [
        `  ${model}:`,
        "    serve: [{ provider: gpu, model: m }]",
        "    overflow: [{ provider: cloud, model: c }]",
        "    overflow_when: { waited: 0ms, failed: true }",
        ...(model === "strict" ? ["    no_capacity: reject"] : []),
      ])
      .join("\n"),
  });
  const simulator = broker.upstreams["gpu"];
  if (simulator === undefined) throw new Error("no simulator");
  gpu = simulator;
  keys = {
    local: (await broker.key({ residency: "local" })).key,
    any: (await broker.key()).key,
  };
});
afterAll(async () => {
  await broker.stop();
  await cloud.close();
});
afterEach(async () => {
  expectNothingLeft();
  gpu.setFault(null);
  await gpu.restart();
  await gpuIs(true);
  await expectAtRest(broker);
});

function expectNothingLeft(): void {
  const seen = { bytes: cloud.bytesReceived(), connections: cloud.connections() };
  expect(seen).toEqual({ bytes: 0, connections: 0 });
}

async function gpuIs(healthy: boolean): Promise<void> {
  await eventually(async () => {
    const { data } = await broker.admin<{ data: unknown[] }>("GET", "/admin/providers");
    expect(data).toContainEqual(expect.objectContaining({ name: "gpu", healthy }));
  });
}

/** A job must stay local in each of these cases. */
const ways = [
  { way: "a local key", key: "local", residency: undefined },
  { way: "a request of a free key", key: "any", residency: "local" },
  { way: "a local key whose request says any", key: "local", residency: "any" },
] as const;

/** Asks for a whole answer and a stream in each case. */
function askLocal(deadlineMs: number, model = "chat"): Promise<Answer[]> {
  return Promise.all(
    ways.flatMap(({ key, residency }) =>
      [false, true].map((stream) =>
        ask(broker, {
          key: keys[key],
          stream,
          model,
          headers: {
            "x-spillway-deadline-ms": String(deadlineMs),
            ...(residency === undefined ? {} : { "x-spillway-residency": residency }),
          },
        }),
      ),
    ),
  );
}

const failures: readonly { readonly what: string; readonly fault: Fault }[] = [
  { what: "answers 500", fault: { type: "status", status: 500 } },
  { what: "answers 429", fault: { type: "status", status: 429 } },
  { what: "hangs", fault: { type: "hang" } },
  { what: "stalls", fault: { type: "hang_after", tokens: 2 } },
  { what: "breaks off", fault: { type: "cut", afterTokens: 1 } },
  { what: "finds the prompt too long", fault: { type: "status", status: 413, body: "too large" } },
];

describe("a job that must stay local", () => {
  test.each(failures)("stays while the GPU $what", async ({ fault }) => {
    gpu.setFault(fault);
    const answers = (await Promise.all([askLocal(3_000), askLocal(3_000)])).flat();
    for (const answer of answers) expect(errorOf(answer)).toBeDefined();
  });

  test("waits for its deadline while the GPU refuses connections: 504", async () => {
    await gpu.close();
    for (const answer of await askLocal(1_200)) {
      expect(answer.status).toBe(504);
      expect(answer.headers.get("x-should-retry")).toBe("false");
      expect(errorOf(answer)).toMatchObject({ code: "deadline_exceeded" });
      expect(answer.tookMs).toBeGreaterThanOrEqual(1_200);
      expect(answer.tookMs).toBeLessThan(30_000);
    }
  });

  test("is refused with 503 while the GPU is down, where the route says so", async () => {
    await gpu.close();
    await gpuIs(false);
    for (const answer of await askLocal(120_000, "strict")) {
      expect(answer.status).toBe(503);
      expect(errorOf(answer)).toMatchObject({ code: "no_capacity" });
      expect(answer.tookMs).toBeLessThan(30_000);
    }
  });

  test("is answered when the GPU returns in time", async () => {
    await gpu.close();
    await gpuIs(false);
    const waiting = askLocal(120_000);
    await eventually(async () => {
      const { rows } = await broker.database.pool.query("select from jobs where state = 'waiting'");
      expect(rows).toHaveLength(6);
    });
    const returnedAt = performance.now();
    await gpu.restart();
    const answers = await waiting;
    expect(performance.now() - returnedAt).toBeLessThan(30_000);
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
      expect(answer.headers.get("x-spillway-provider")).toBe("gpu");
    }
  });
});
