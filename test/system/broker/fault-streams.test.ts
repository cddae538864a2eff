import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Fault } from "../../../cli/simulate/faults.ts";
import type { TestBroker } from "../../support/broker.ts";
import { ask, contentOf, errorOf, eventsOf } from "./ask.ts";
import { expectAtRest, richKey, rowsOf, startFaultBroker } from "./fault-rig.ts";

interface Case {
  readonly what: string;
  readonly fault: Fault;
  readonly reason: string;
}

const afterTokens = 2;
const broken: readonly Case[] = [
  { what: "cut", fault: { type: "cut", afterTokens }, reason: "cut" },
  {
    what: "cut after its usage",
    fault: { type: "cut", afterTokens, withUsage: true },
    reason: "cut",
  },
  { what: "ended too early", fault: { type: "fin", afterTokens }, reason: "cut" },
  { what: "given up by the engine", fault: { type: "abort_finish", afterTokens }, reason: "cut" },
  { what: "stalled", fault: { type: "hang_after", tokens: 2 }, reason: "idle_timeout" },
  {
    what: "ended by an error",
    fault: { type: "in_band_error", afterTokens, status: 500, message: "The engine failed." },
    reason: "server_error",
  },
  { what: "garbled", fault: { type: "malformed", afterTokens }, reason: "malformed" },
];

describe("a stream whose tokens come one by one", () => {
  let broker: TestBroker;
  let key: string;
  beforeAll(async () => {
    broker = await startFaultBroker({ gpu: { tokensPerSecond: 50 } });
    key = await richKey(broker);
  });
  afterAll(() => broker.stop());
  afterEach(async () => {
    broker.upstreams["gpu"]?.setFault(null);
    // The answer arrives once the provider has stopped resting.
    await ask(broker, { key });
  });

  test.each(broken)("is $what after two tokens: says so in-band", async (row) => {
    broker.upstreams["gpu"]?.setFault(row.fault);
    const answer = await ask(broker, { key, stream: true, model: "wide" });
    expect(answer).toMatchObject({ status: 200, broke: false });
    expect(answer.headers.get("x-spillway-provider")).toBe("gpu");
    const error = errorOf(answer);
    expect(error).toMatchObject({ type: "server_error", code: "upstream_failed" });
    const events = eventsOf(answer.text);
    expect(events).not.toContain("[DONE]");
    expect(contentOf({ ...answer, text: answer.text.replace(/data: \{"error.*\n\n$/, "") })).toBe(
      "tok0 tok1",
    );
    expect(events.join("")).not.toMatch(/"finish_reason":"(stop|length)"/);
    const rows = await rowsOf(broker, answer.headers.get("x-spillway-job-id"));
    expect(rows).toMatchObject([
      { provider: "gpu", status: "failed", error_code: row.reason, estimated: true },
    ]);
    expect(rows[0]?.cost).toBeGreaterThan(0);
    await expectAtRest(broker);
  });

  test("is well: ends with its finish reason and [DONE], and its usage is paid", async () => {
    const answer = await ask(broker, { key, stream: true });
    expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
    expect(eventsOf(answer.text).at(-1)).toBe("[DONE]");
    expect(await rowsOf(broker, answer.headers.get("x-spillway-job-id"))).toMatchObject([
      { status: "ok", completion_tokens: 4, estimated: false },
    ]);
    await expectAtRest(broker);
  });
});

describe("an answer that breaks before anything was passed on", () => {
  let broker: TestBroker;
  let key: string;
  beforeAll(async () => {
    broker = await startFaultBroker();
    key = await richKey(broker);
  });
  afterAll(() => broker.stop());
  afterEach(async () => {
    broker.upstreams["gpu"]?.setFault(null);
    // The answer arrives once the provider has stopped resting.
    await ask(broker, { key });
  });

  const first: readonly { readonly what: string; readonly fault: Fault }[] = [
    { what: "an error event", fault: { type: "in_band_error" } },
    { what: "an error event that says 429", fault: { type: "in_band_error", status: 429 } },
    { what: "an error event that says 500", fault: { type: "in_band_error", status: 500 } },
    { what: "broken JSON", fault: { type: "malformed" } },
    { what: "an end by the engine", fault: { type: "abort_finish", afterTokens: 0 } },
    { what: "silence", fault: { type: "hang" } },
    { what: "a web page", fault: { type: "html" } },
    { what: "a dropped connection", fault: { type: "drop" } },
    ...[404, 408, 409, 429, 500, 503].map((status) => ({
      what: `${status}`,
      fault: { type: "status", status } as const,
    })),
  ];
  const onlyWhole: typeof first = [
    { what: "a cut body", fault: { type: "cut" } },
    { what: "a body that ends too early", fault: { type: "fin" } },
    { what: "a stall", fault: { type: "hang_after", tokens: 0 } },
  ];

  test.each(first)("a stream moves on unseen after $what", async ({ fault }) => {
    broker.upstreams["gpu"]?.setFault(fault);
    const answer = await ask(broker, { key, stream: true, model: "wide" });
    expect(answer.status).toBe(200);
    expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
    expect(eventsOf(answer.text).at(-1)).toBe("[DONE]");
    expect(answer.headers.get("x-spillway-provider")).toBe("cloud");
    expect(answer.headers.get("x-spillway-attempts")).toBe("2");
    expect(await rowsOf(broker, answer.headers.get("x-spillway-job-id"))).toMatchObject([
      { provider: "gpu", status: "failed" },
      { provider: "cloud", status: "ok" },
    ]);
    await expectAtRest(broker);
  });

  test.each([...first, ...onlyWhole])("a whole answer moves on after $what", async ({ fault }) => {
    broker.upstreams["gpu"]?.setFault(fault);
    const answer = await ask(broker, { key, model: "wide" });
    expect(answer.status).toBe(200);
    expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
    expect(answer.headers.get("x-spillway-provider")).toBe("cloud");
    await expectAtRest(broker);
  });

  test("moves on after an error that came together with tokens, which are paid", async () => {
    broker.upstreams["gpu"]?.setFault({ type: "in_band_error", afterTokens: 2, status: 500 });
    const answer = await ask(broker, { key, stream: true, model: "wide" });
    expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
    const rows = await rowsOf(broker, answer.headers.get("x-spillway-job-id"));
    expect(rows).toMatchObject([
      { provider: "gpu", status: "failed", estimated: true },
      { provider: "cloud", status: "ok" },
    ]);
    expect(rows[0]?.cost).toBeGreaterThan(0);
    await expectAtRest(broker);
  });
});
