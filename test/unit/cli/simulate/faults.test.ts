import { expect, test } from "vitest";
import type { Fault } from "../../../../cli/simulate/faults.ts";
import type { RequestCounters } from "../../../../cli/simulate/counters.ts";
import type { Simulator } from "../../../../cli/simulate/simulator.ts";
import { chatBody, clientOf, eventsOf, post, readToEnd, testSimulator } from "./support.ts";
import { eventually } from "../../../support/eventually.ts";

interface FaultedCall {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
  readonly broken: boolean;
  readonly seen: RequestCounters | undefined;
}

/** Makes one chat call of 4 tokens under a fault, and reads the simulator's counters for it. */
async function spoilt(simulator: Simulator, fault: Fault, stream: boolean): Promise<FaultedCall> {
  simulator.setFault(fault);
  const streamed = { stream, stream_options: { include_usage: true } };
  const body = chatBody("hi", { max_tokens: 4, ...(stream ? streamed : {}) });
  const response = await post(simulator, "/chat/completions", body, { id: "job.1" });
  const read = await readToEnd(response);
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  const contentType = response.headers.get("content-type");
  const seen = simulator.counters().requests["job.1"];
  return { status: response.status, contentType, ...read, seen };
}

/** Counts the events that hold a content token. */
function tokensIn(text: string): number {
  return eventsOf(text).filter((event) => event.includes(`"content":"`) && event.includes("tok"))
    .length;
}

test("status: with every code, body and headers, in the kind's own shape without a body", async () => {
  const cloud = await testSimulator({ kind: "cloud" });
  const plain = await spoilt(cloud, { type: "status", status: 409 }, false);
  expect(plain).toMatchObject({ status: 409, seen: { status: 409, ok: false, headersSent: true } });
  expect(JSON.parse(plain.text)).toMatchObject({ error: { type: "invalid_request_error" } });

  cloud.setFault({
    type: "status",
    status: 429,
    headers: { "retry-after": "7" },
    body: { error: { message: "spent", type: "insufficient_quota", code: "insufficient_quota" } },
  });
  const quota = clientOf(cloud).chat.completions.create({
    model: "m",
    messages: [{ role: "user", content: "x" }],
  });
  await expect(quota).rejects.toMatchObject({ status: 429, code: "insufficient_quota" });

  const text = await spoilt(cloud, { type: "status", status: 502, body: "bad gateway" }, true);
  expect(text).toMatchObject({ status: 502, text: "bad gateway", contentType: "text/plain" });
});

test("hang: takes the request and never answers", async () => {
  const simulator = await testSimulator();
  simulator.setFault({ type: "hang" });
  const leave = new AbortController();
  const call = post(simulator, "/chat/completions", chatBody(), { id: "a", signal: leave.signal });
  const left = Promise.allSettled([call]);
  await eventually(() => expect(simulator.counters().faultHits).toBe(1));
  expect(simulator.counters()).toMatchObject({ inFlight: 1, running: 1 });
  leave.abort();
  expect(await left).toMatchObject([{ status: "rejected" }]);
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  const seen = simulator.counters().requests["a"];
  expect(seen).toMatchObject({ headersSent: false, aborted: true, status: null });
  expect(simulator.counters().running).toBe(0);
});

test("drop: closes the socket before any header", async () => {
  const simulator = await testSimulator();
  simulator.setFault({ type: "drop" });
  await expect(
    post(simulator, "/embeddings", { model: "m", input: "x" }, { id: "a" }),
  ).rejects.toThrow("fetch failed");
  const seen = simulator.counters().requests["a"];
  expect(seen).toMatchObject({ headersSent: false, aborted: false, completed: false });
});

test("hang_after: a stream stalls after its tokens", async () => {
  const simulator = await testSimulator();
  simulator.setFault({ type: "hang_after", tokens: 2 });
  const stream = await clientOf(simulator).chat.completions.create(
    { model: "m", messages: [{ role: "user", content: "hi" }], stream: true },
    { headers: { "x-client-request-id": "a" } },
  );
  let received = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content?.includes("tok")) received += 1;
    if (received === 2) break;
  }
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  const seen = simulator.counters().requests["a"];
  expect(seen).toMatchObject({ headersSent: true, aborted: true, completionTokens: 2 });
});

test("hang_after: a whole answer never comes", async () => {
  const simulator = await testSimulator();
  simulator.setFault({ type: "hang_after", tokens: 2 });
  const leave = new AbortController();
  const { signal } = leave;
  const call = post(simulator, "/chat/completions", chatBody(), { id: "a", signal });
  const left = Promise.allSettled([call]);
  await eventually(() => expect(simulator.counters().completionTokens).toBe(2));
  leave.abort();
  expect(await left).toMatchObject([{ status: "rejected" }]);
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  const seen = simulator.counters().requests["a"];
  expect(seen).toMatchObject({ headersSent: false, aborted: true, completionTokens: 2 });
});

test.each([true, false])(
  "slow_body: keeps to its rate, whole at the end (stream: %s)",
  async (stream) => {
    const simulator = await testSimulator();
    const beganMs = performance.now();
    const { text, broken, seen } = await spoilt(
      simulator,
      { type: "slow_body", bytesPerSecond: 4000 },
      stream,
    );
    const leastMs = (Buffer.byteLength(text) / 4000) * 1000 - 60;
    expect(performance.now() - beganMs).toBeGreaterThan(leastMs);
    expect(broken).toBe(false);
    expect(seen).toMatchObject({ ok: true, completionTokens: 4 });
    expect(text.trimEnd().endsWith(stream ? "[DONE]" : "}")).toBe(true);
  },
);

test("cut: closes the socket after the tokens, with usage if told so", async () => {
  const simulator = await testSimulator();
  const bare = await spoilt(simulator, { type: "cut", afterTokens: 3 }, true);
  expect(bare).toMatchObject({ broken: true, status: 200 });
  expect(bare.seen).toMatchObject({ completed: false, aborted: false, completionTokens: 3 });
  expect(tokensIn(bare.text)).toBe(3);
  expect(bare.text).not.toContain("usage");

  simulator.reset();
  const withUsage = await spoilt(simulator, { type: "cut", afterTokens: 2, withUsage: true }, true);
  expect(withUsage.broken).toBe(true);
  const last = eventsOf(withUsage.text).at(-1) ?? "";
  expect(JSON.parse(last)).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });

  const whole = await spoilt(simulator, { type: "cut" }, false);
  expect(whole.broken).toBe(true);
  expect(whole.text.length).toBeGreaterThan(20);
  expect(() => JSON.parse(whole.text)).toThrow(SyntaxError);
});

test("fin: ends politely without finish chunk and terminal event", async () => {
  const simulator = await testSimulator();
  const stream = await spoilt(simulator, { type: "fin" }, true);
  expect(stream).toMatchObject({ broken: false, seen: { completed: true, ok: false } });
  expect(tokensIn(stream.text)).toBe(4);
  expect(stream.text).not.toMatch(/DONE|"finish_reason":"/);
  const whole = await spoilt(simulator, { type: "fin" }, false);
  expect(whole.broken).toBe(false);
  expect(() => JSON.parse(whole.text)).toThrow(SyntaxError);
});

test("in_band_error: an error event after 200, or the status itself", async () => {
  const simulator = await testSimulator();
  const first = await spoilt(simulator, { type: "in_band_error", status: 503 }, true);
  const [event, terminal] = eventsOf(first.text);
  expect(JSON.parse(event ?? "")).toMatchObject({ error: { code: 503 } });
  expect([first.status, terminal, first.seen?.ok]).toEqual([200, "[DONE]", false]);
  const later = await spoilt(
    simulator,
    { type: "in_band_error", afterTokens: 2, message: "out of memory", status: 500 },
    true,
  );
  expect(tokensIn(later.text)).toBe(2);
  expect(later.text).toContain(`"message":"out of memory"`);
  const whole = await spoilt(simulator, { type: "in_band_error", status: 400 }, false);
  expect(whole.status).toBe(400);
});

test("malformed and html: 200 with what is no answer", async () => {
  const simulator = await testSimulator();
  for (const stream of [true, false]) {
    const broken = await spoilt(simulator, { type: "malformed" }, stream);
    expect(broken).toMatchObject({ status: 200, broken: false, seen: { ok: false } });
    expect(() => JSON.parse(stream ? (eventsOf(broken.text)[0] ?? "") : broken.text)).toThrow(
      SyntaxError,
    );
    const page = await spoilt(simulator, { type: "html" }, stream);
    expect(page).toMatchObject({ status: 200, contentType: "text/html", seen: { ok: false } });
  }
});

test("wrong_usage: replaces usage or leaves it out", async () => {
  const simulator = await testSimulator();
  const usage = { prompt_tokens: -5, completion_tokens: "many" };
  const whole = await spoilt(simulator, { type: "wrong_usage", usage }, false);
  expect(JSON.parse(whole.text)).toMatchObject({ usage });
  const stream = await spoilt(simulator, { type: "wrong_usage", usage }, true);
  expect(JSON.parse(eventsOf(stream.text).at(-2) ?? "")).toMatchObject({ usage });
  const none = await spoilt(simulator, { type: "wrong_usage", usage: null }, false);
  expect(JSON.parse(none.text)).toMatchObject({ usage: null });
  for (const streamed of [true, false]) {
    const absent = await spoilt(simulator, { type: "wrong_usage", usage: "absent" }, streamed);
    expect(absent.text).not.toContain("usage");
    expect(absent.seen?.ok).toBe(true);
  }
  expect(simulator.counters().completionTokens).toBe(20);
});

test("abort_finish: the engine gives up and says so", async () => {
  const simulator = await testSimulator();
  for (const stream of [true, false]) {
    const gaveUp = await spoilt(simulator, { type: "abort_finish", afterTokens: 1 }, stream);
    expect(gaveUp.text).toContain(`"finish_reason":"abort"`);
    expect(gaveUp.text).toContain(`"completion_tokens":1`);
    expect(gaveUp.seen?.ok).toBe(false);
  }
});

test("huge_line: one line without an end, or a big body", async () => {
  const simulator = await testSimulator();
  const stream = await spoilt(simulator, { type: "huge_line", bytes: 1_000_000 }, true);
  expect(stream.text.split("\n").at(-1)?.length).toBeGreaterThan(1_000_000);
  const whole = await spoilt(simulator, { type: "huge_line", bytes: 1_000_000 }, false);
  expect(whole.text.length).toBeGreaterThan(1_000_000);
  expect(() => JSON.parse(whole.text)).not.toThrow(SyntaxError);
});

test("a fault hits as often, as likely and whom it says", async () => {
  const draws = [0.9, 0.1];
  const simulator = await testSimulator({ random: () => draws.shift() ?? 1 });
  const statusOf = async (id: string): Promise<number> => {
    const response = await post(simulator, "/chat/completions", chatBody(), { id });
    await readToEnd(response);
    return response.status;
  };
  const fault: Fault = { type: "status", status: 500 };
  simulator.setFault(fault, { times: 2 });
  expect([await statusOf("a"), await statusOf("b"), await statusOf("c")]).toEqual([500, 500, 200]);
  simulator.setFault({ ...fault, match: "hit" });
  expect([await statusOf("miss"), await statusOf("hit.1")]).toEqual([200, 500]);
  simulator.setFault({ ...fault, probability: 0.5 });
  expect([await statusOf("a"), await statusOf("b")]).toEqual([200, 500]);
  simulator.setFault(null);
  expect(await statusOf("a")).toBe(200);
  expect(simulator.counters().faultHits).toBe(4);
});
