import { afterEach, expect, test } from "vitest";
import type { Fault } from "../../../cli/simulate/faults.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, eventsOf, type Answer } from "./ask.ts";
import { expectAtRest, richKey } from "./fault-rig.ts";
import { withoutRescue } from "./without-rescue.ts";

let broker: TestBroker;
afterEach(() => broker.stop());

const price = { input: 1, output: 1 };

/** The simulators accept many more calls at once than the broker may send. */
function start(timeout: string, { ttftMs = 5, tokensPerSecond = 400 } = {}): Promise<TestBroker> {
  const yaml = `timeouts: { first_byte: ${timeout}, idle: ${timeout} }`;
  const pace = { ttftMs, tokensPerSecond, slots: 400 };
  return startTestBroker({
    providers: {
      "gpu-a": { ...pace, brokerSlots: 3, price, yaml },
      "gpu-b": { ...pace, brokerSlots: 5, price, yaml },
      cloud: { ...pace, brokerSlots: 4, price, yaml, location: "cloud" },
    },
    cadences: withoutRescue,
    models: [
      "  chat:",
      "    serve: [{ provider: gpu-a, model: m }, { provider: gpu-b, model: m }]",
      "    overflow: [{ provider: cloud, model: c }]",
      "    overflow_when: { waited: 500ms }",
    ].join("\n"),
  });
}

const highWater = (name: string): number => broker.upstreams[name]?.counters().highWater ?? 0;

const faults: readonly Fault[] = [
  { type: "status", status: 500 },
  { type: "cut", afterTokens: 3 },
  { type: "hang_after", tokens: 2 },
  { type: "drop" },
  { type: "hang" },
  { type: "malformed", afterTokens: 2 },
  { type: "in_band_error", afterTokens: 1 },
];

test("60 callers, a third of whom leave, with faults: never more in flight than slots", async () => {
  // The upstreams run in the test's process, so a shorter silence could be the test's own delay.
  // Calls last long enough to fill every slot, also on a busy machine.
  broker = await start("2s", { ttftMs: 60, tokensPerSecond: 120 });
  const key = await richKey(broker);
  const simulators = Object.values(broker.upstreams);
  let turn = 0;
  const nextFault = (): void => {
    turn += 1;
    for (const [number, simulator] of simulators.entries()) {
      const fault = faults[(turn + number) % faults.length];
      simulator.setFault(fault === undefined ? null : { ...fault, probability: 0.3 });
    }
  };
  nextFault();
  const caller = async (number: number): Promise<Answer | undefined> => {
    const leave = new AbortController();
    const stream = number % 2 === 0;
    const leaves = number % 3 === 0;
    const asked = ask(broker, {
      key,
      stream,
      maxTokens: 12,
      signal: leave.signal,
      onText: () => {
        if (leaves && stream) leave.abort();
      },
    }).catch(() => undefined);
    if (leaves && !stream) setTimeout(() => leave.abort(), (number * 7) % 400);
    const answer = await asked;
    nextFault();
    return answer;
  };
  for (let round = 0; round < 2; round += 1) {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, number) => caller(number)));
    expect(answers.filter((answer) => answer?.status === 200).length).toBeGreaterThan(15);
  }
  await expectAtRest(broker);
  expect(highWater("gpu-a")).toBe(3);
  expect(highWater("gpu-b")).toBe(5);
  expect(highWater("cloud")).toBeLessThanOrEqual(4);
});

test("callers who leave all at once free their slots for those who wait, one for one", async () => {
  broker = await start("60s");
  const key = await richKey(broker);
  for (let round = 0; round < 3; round += 1) {
    for (const simulator of Object.values(broker.upstreams)) simulator.setFault({ type: "hang" });
    const leave = new AbortController();
    const leaving = Array.from({ length: 8 }, () =>
      ask(broker, { key, stream: true, signal: leave.signal }).catch(() => undefined),
    );
    const inFlight = (): number =>
      // The cloud has those whom a busy machine made wait too long.
      Object.values(broker.upstreams).reduce((sum, gpu) => sum + gpu.counters().inFlight, 0);
    await eventually(() => expect(inFlight()).toBe(8));
    for (const simulator of Object.values(broker.upstreams)) simulator.setFault(null);
    const staying = Array.from({ length: 16 }, () => ask(broker, { key, stream: true }));
    leave.abort();
    await Promise.all(leaving);
    for (const answer of await Promise.all(staying))
      expect(eventsOf(answer.text).at(-1)).toBe("[DONE]");
  }
  await expectAtRest(broker);
  expect(highWater("gpu-a")).toBe(3);
  expect(highWater("gpu-b")).toBe(5);
  expect(highWater("cloud")).toBeLessThanOrEqual(4);
});
