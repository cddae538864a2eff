import { afterEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask } from "./ask.ts";
import { expectAtRest } from "./fault-rig.ts";
import { withoutRescue } from "./without-rescue.ts";

let broker: TestBroker;
afterEach(() => broker.stop());

const JOBS = 200;

/**
 * Only silence ends a call in this case, so the limit is short; a good answer may take longer on a
 * busy machine.
 */
const silence = "timeouts: { first_byte: 1s }";

test.each([
  { what: "fails at once", ttftMs: 0, fault: { type: "status", status: 500 } as const },
  { what: "fails after a while", ttftMs: 0, yaml: silence, fault: { type: "hang" } as const },
  { what: "hangs up", ttftMs: 30, fault: { type: "drop" } as const },
])(
  "a provider that always $what rests, and does all once it is well",
  async ({ ttftMs, yaml, fault }) => {
    broker = await startTestBroker({
      providers: { gpu: { slots: 8, ttftMs, ...(yaml === undefined ? {} : { yaml }) } },
      cadences: withoutRescue,
      models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
      // With a heartbeat the headers would leave early, and the stream would have to report the
      // failure.
      heartbeatMs: 120_000,
    });
    const gpu = broker.upstreams["gpu"];
    gpu?.setFault(fault);
    const { key } = await broker.key();
    const asked = Array.from({ length: JOBS }, (_, number) =>
      ask(broker, { key, content: `Hello ${number}`, stream: number % 2 === 0 }),
    );
    await eventually(async () => {
      const { data } = await broker.admin<{ data: unknown[] }>("GET", "/admin/providers");
      expect(data).toContainEqual(expect.objectContaining({ name: "gpu", healthy: false }));
    });
    // The slots took some calls at once, and one call follows each rest: the queue is not used up.
    expect(gpu?.counters().calls).toBeLessThanOrEqual(60);
    gpu?.setFault(null);
    const answers = await Promise.all(asked);
    const failed = answers.filter(({ status }) => status !== 200);
    expect(failed.length).toBeLessThan(8);
    expect(gpu?.counters().calls).toBeLessThanOrEqual(1.2 * JOBS);
    await expectAtRest(broker);
  },
);
