import { expect, test } from "vitest";
import type { Fault } from "../../../../cli/simulate/faults.ts";
import type { Simulator, SimulatorOptions } from "../../../../cli/simulate/simulator.ts";
import { clientOf, post, readToEnd, testSimulator } from "./support.ts";
import { eventually } from "../../../support/eventually.ts";

interface Told {
  readonly type: string;
  readonly response?: {
    readonly status: string;
    readonly error: unknown;
    readonly usage?: unknown;
  };
}

/** Makes a streamed response of 4 tokens under a fault; returns its events and the counters. */
async function spoilt(simulator: Simulator, fault: Fault) {
  simulator.setFault(fault);
  const body = { model: "m", input: "hi [sim output=4]", stream: true };
  const { text, broken } = await readToEnd(await post(simulator, "/responses", body, { id: "a" }));
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  const blocks = text.split("\n\n").filter((block) => block !== "");
  const events = blocks.map((block) => {
    const [name, data] = block.split("\n");
    const event = JSON.parse((data ?? "").slice("data: ".length)) as Told;
    expect(name).toBe(`event: ${event.type}`);
    return event;
  });
  const deltas = events.filter(({ type }) => type === "response.output_text.delta").length;
  return { broken, events, last: events.at(-1), deltas, seen: simulator.counters().requests["a"] };
}

test("a cut or polite end comes after the tokens, without the last event", async () => {
  const simulator = await testSimulator();
  for (const type of ["cut", "fin"] as const) {
    const { broken, deltas, last, seen } = await spoilt(simulator, { type, afterTokens: 2 });
    expect([broken, deltas, last?.type]).toEqual([type === "cut", 2, "response.output_text.delta"]);
    expect(seen?.ok).toBe(false);
  }
});

test("an error in the stream is an error event of a GPU, a failed response of a cloud", async () => {
  const gpu = await testSimulator();
  const first = await spoilt(gpu, { type: "in_band_error", status: 503, message: "full" });
  expect(first.events).toMatchObject([{ type: "error", message: "full", sequence_number: 0 }]);
  const later = await spoilt(gpu, { type: "in_band_error", afterTokens: 2 });
  expect([later.deltas, later.last?.type, later.seen?.ok]).toEqual([2, "error", false]);

  const cloud = await testSimulator({ kind: "cloud" });
  const error = { code: "rate_limit_exceeded", message: "spent" };
  const failed = await spoilt(cloud, { type: "in_band_error", status: 429, message: "spent" });
  expect(failed.events.map(({ type }) => type)).toEqual([
    "response.created",
    "response.in_progress",
    "response.failed",
  ]);
  expect(failed.last?.response).toMatchObject({ status: "failed", error });
});

test("an engine that gives up says that its response was cancelled", async () => {
  const { last, deltas, seen } = await spoilt(await testSimulator(), {
    type: "abort_finish",
    afterTokens: 1,
  });
  expect(last).toMatchObject({ type: "response.completed", response: { status: "cancelled" } });
  expect([deltas, seen?.ok]).toEqual([1, false]);
});

test("usage is replaced or left out", async () => {
  const simulator = await testSimulator();
  const usage = { input_tokens: -5 };
  expect((await spoilt(simulator, { type: "wrong_usage", usage })).last?.response).toMatchObject({
    usage,
  });
  const { last } = await spoilt(simulator, { type: "wrong_usage", usage: "absent" });
  expect(last?.response).not.toHaveProperty("usage");
});

test.each<[string, Fault, Partial<SimulatorOptions>]>([
  ["a status", { type: "status", status: 429 }, {}],
  ["no free slot", { type: "refuse_when_full" }, { slots: 1 }],
  ["a context that is too short", { type: "wrong_usage", usage: null }, { contextLength: 3 }],
])("refuses for %s like its other endpoints", async (_, fault, options) => {
  const simulator = await testSimulator({ kind: "cloud", ...options });
  const { responses } = clientOf(simulator);
  const leave = new AbortController();
  let held = Promise.resolve<unknown>(undefined);
  if (options.slots === 1) {
    simulator.setFault({ type: "hang" });
    const hanging = responses.create({ model: "m", input: "x" }, { signal: leave.signal });
    held = Promise.allSettled([hanging]);
    await eventually(() => expect(simulator.counters().running).toBe(1));
  }
  simulator.setFault(fault);
  await expect(responses.create({ model: "m", input: "A longer question" })).rejects.toMatchObject({
    status: options.contextLength === undefined ? 429 : 400,
  });
  leave.abort();
  await held;
});

test("a broken event is no JSON, a huge line has no end", async () => {
  const simulator = await testSimulator();
  const body = { model: "m", input: "hi", stream: true };
  simulator.setFault({ type: "malformed" });
  const broken = await readToEnd(await post(simulator, "/responses", body));
  expect(() => JSON.parse(broken.text.split("data: ")[1] ?? "")).toThrow(SyntaxError);
  simulator.setFault({ type: "huge_line", bytes: 100_000 });
  const huge = await readToEnd(await post(simulator, "/responses", body));
  expect(huge.text.split("\n").at(-1)?.length).toBeGreaterThan(100_000);
});
