import { connect } from "node:net";
import { once } from "node:events";
import { Agent } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { startCountingServer } from "../../../support/counting-server.ts";
import { chatBody, clientOf, post, readToEnd, testSimulator } from "./support.ts";
import { eventually } from "../../../support/eventually.ts";

test("the high-water mark is exact under 50 parallel calls", async () => {
  // The first token comes later than a busy machine needs to begin all 50 calls.
  const simulator = await testSimulator({ slots: 64, ttftMs: 3_000 });
  const call = async (): Promise<void> => {
    await readToEnd(await post(simulator, "/chat/completions", chatBody()));
  };
  await Promise.all(Array.from({ length: 50 }, call));
  expect(simulator.counters()).toMatchObject({ highWater: 50, inFlight: 0, calls: 50, ok: 50 });
});

test("the high-water mark never exceeds the connections that a client reuses at once", async () => {
  const simulator = await testSimulator({ slots: 64, outputTokens: 2000 });
  const dispatcher = new Agent({ connections: 4 });
  onTestFinished(() => dispatcher.close());
  const call = async (_: unknown, at: number): Promise<void> => {
    const body = chatBody("x", { stream: at % 2 === 0 });
    await readToEnd(await post(simulator, "/chat/completions", body, { dispatcher }));
  };
  await Promise.all(Array.from({ length: 200 }, call));
  expect(simulator.counters()).toMatchObject({ calls: 200, ok: 200, connections: 4 });
  expect(simulator.counters().highWater).toBeLessThanOrEqual(4);
});

test("a call that was cut short by its client counts no longer and generates no more", async () => {
  const simulator = await testSimulator({ tokensPerSecond: 200, outputTokens: 100_000 });
  const stream = await clientOf(simulator).chat.completions.create(
    { model: "m", messages: [{ role: "user", content: "x" }], stream: true },
    { headers: { "x-client-request-id": "job.1" } },
  );
  let received = 0;
  const leftAtMs = Date.now();
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content?.includes("tok")) received += 1;
    if (received === 5) break;
  }
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  const seen = simulator.counters().requests["job.1"];
  expect(seen).toMatchObject({ aborted: true, completed: false, bytesAfterAbort: 0 });
  expect(seen?.completionTokens).toBeGreaterThanOrEqual(5);
  expect(seen?.completionTokens).toBeLessThan(400);
  expect(seen?.abortedAtMs).toBeGreaterThanOrEqual(leftAtMs);
  expect(seen?.lastSentAtMs).toBeLessThanOrEqual(seen?.abortedAtMs ?? 0);
  // Two tokens take 10 ms at this speed; after 20 ms, nothing more has been generated.
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(simulator.counters().requests["job.1"]).toEqual(seen);
  expect(simulator.counters()).toMatchObject({ aborted: 1, running: 0 });
});

test("a whole answer's tokens count up to the moment when its client left", async () => {
  const simulator = await testSimulator({ tokensPerSecond: 100, outputTokens: 100_000 });
  const leave = new AbortController();
  const call = post(
    simulator,
    "/completions",
    { model: "m", prompt: "four" },
    { id: "a", signal: leave.signal },
  );
  const left = Promise.allSettled([call]);
  await eventually(() => expect(simulator.counters().running).toBe(1));
  await new Promise((resolve) => setTimeout(resolve, 50));
  leave.abort();
  expect(await left).toMatchObject([{ status: "rejected" }]);
  await eventually(() => expect(simulator.counters().completionTokens).toBeGreaterThan(0));
  const seen = simulator.counters().requests["a"];
  expect(seen).toMatchObject({ aborted: true, headersSent: false, promptTokens: 1 });
  expect(seen?.completionTokens).toBeGreaterThanOrEqual(5);
  expect(seen?.completionTokens).toBeLessThan(400);
});

test("an unpaced generation stops too when its client leaves", async () => {
  const simulator = await testSimulator({ outputTokens: 5_000_000 });
  const leave = new AbortController();
  const response = await post(simulator, "/chat/completions", chatBody("x", { stream: true }), {
    signal: leave.signal,
  });
  expect(response.status).toBe(200);
  leave.abort();
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  expect(simulator.counters()).toMatchObject({ aborted: 1, completed: 0 });
  expect(simulator.counters().completionTokens).toBeLessThan(5_000_000);
});

test("a client that stops reading slows the generation down to nothing", async () => {
  const simulator = await testSimulator({ outputTokens: 5_000_000 });
  const socket = connect(simulator.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.pause();
  const body = JSON.stringify(chatBody("x", { stream: true }));
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await eventually(() => expect(simulator.counters().completionTokens).toBeGreaterThan(0));
  let before = -1;
  while (before !== simulator.counters().completionTokens) {
    before = simulator.counters().completionTokens;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(before).toBeLessThan(1_000_000);
  expect(simulator.counters().inFlight).toBe(1);
  socket.destroy();
  await once(socket, "close");
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  expect(simulator.counters()).toMatchObject({ aborted: 1, bytesAfterAbort: 0 });
});

test("counts calls by request id, and those without one", async () => {
  const simulator = await testSimulator({ rememberedRequests: 2 });
  for (const id of ["a", "a", "__proto__", undefined, "c"]) {
    const options = id === undefined ? {} : { id };
    await readToEnd(
      await post(simulator, "/completions", { model: "m", prompt: "x", max_tokens: 2 }, options),
    );
  }
  const counters = simulator.counters();
  expect(counters).toMatchObject({ calls: 5, callsWithoutId: 1, forgottenRequests: 1 });
  expect(counters).toMatchObject({ completionTokens: 10, promptTokens: 5, aborted: 0 });
  expect(Object.entries(counters.requests).map(([id, row]) => [id, row.calls])).toEqual([
    ["__proto__", 1],
    ["c", 1],
  ]);
});

test("counts each byte that arrives, HTTP or not", async () => {
  const simulator = await testSimulator();
  const socket = connect(simulator.port, "127.0.0.1");
  socket.on("error", () => undefined).resume();
  socket.end("nonsense");
  await once(socket, "close");
  await eventually(() => expect(simulator.counters().bytesReceived).toBe(8));
  expect(simulator.counters()).toMatchObject({ connections: 1, calls: 0 });
});

test("a reset leaves calls in flight out of the new counts", async () => {
  const simulator = await testSimulator({ ttftMs: 80 });
  const call = post(simulator, "/chat/completions", chatBody(), { id: "old" });
  await eventually(() => expect(simulator.counters().running).toBe(1));
  simulator.reset();
  expect(simulator.counters()).toMatchObject({ calls: 0, inFlight: 1, highWater: 1 });
  await readToEnd(await call);
  await eventually(() => expect(simulator.counters().inFlight).toBe(0));
  expect(simulator.counters()).toMatchObject({ calls: 0, completed: 0, ok: 0, requests: {} });
});

test("a closed simulator is a dead server, and comes back on its port with its counts", async () => {
  const simulator = await testSimulator({ tokensPerSecond: 100, outputTokens: 1000 });
  const options = { id: "a" };
  const response = await post(
    simulator,
    "/chat/completions",
    chatBody("x", { stream: true }),
    options,
  );
  await Promise.all([simulator.close(), simulator.close()]);
  expect((await readToEnd(response)).broken).toBe(true);
  await expect(post(simulator, "/chat/completions", chatBody())).rejects.toThrow("fetch failed");
  await simulator.restart();
  expect((await post(simulator, "/embeddings", { model: "m", input: "x" })).status).toBe(200);
  expect(simulator.counters()).toMatchObject({ calls: 2, inFlight: 0, aborted: 0 });
  expect(simulator.counters().requests["a"]).toMatchObject({ completed: false, aborted: false });
});

test("a counting server counts connections and bytes and answers nothing", async () => {
  const server = await startCountingServer();
  onTestFinished(() => server.close());
  expect([server.connections(), server.bytesReceived()]).toEqual([0, 0]);
  const socket = connect(server.port, "127.0.0.1");
  socket.write("12345");
  await eventually(() => expect(server.bytesReceived()).toBe(5));
  expect(server.connections()).toBe(1);
  const closed = once(socket, "close");
  await server.close();
  await closed;
  expect(socket.bytesRead).toBe(0);
});
