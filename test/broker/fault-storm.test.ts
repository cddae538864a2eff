import { afterEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../support/broker.ts";
import { ask, errorOf } from "./ask.ts";
import { expectAtRest } from "./fault-rig.ts";

let broker: TestBroker;
afterEach(() => broker.stop());

const JOBS = 500;

test.each([
  { what: "fails at once", ttftMs: 0, fault: { type: "status", status: 500 } as const },
  { what: "fails after a while", ttftMs: 0, fault: { type: "hang" } as const },
  { what: "hangs up", ttftMs: 30, fault: { type: "drop" } as const },
])("a provider that always $what gets at most 1.2 calls a job", async ({ ttftMs, fault }) => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 32, ttftMs, yaml: "timeouts: { first_byte: 150ms }" } },
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
    // With a heartbeat its headers would leave, and the failure be told in the stream.
    heartbeatMs: 120_000,
  });
  broker.upstreams["gpu"]?.setFault(fault);
  const { key } = await broker.key();
  const answers = await Promise.all(
    Array.from({ length: JOBS }, (_, number) => ask(broker, { key, stream: number % 2 === 0 })),
  );
  for (const answer of answers) {
    expect(answer.status).toBe(502);
    expect(errorOf(answer)).toMatchObject({ code: "upstream_failed" });
  }
  const { calls } = broker.upstreams["gpu"]?.counters() ?? { calls: 0 };
  // A call that is given up before its upstream has read it, which a busy machine brings about, is
  // not counted there.
  expect(calls).toBeGreaterThan(0.8 * JOBS);
  expect(calls).toBeLessThanOrEqual(1.2 * JOBS);
  await expectAtRest(broker);
});
