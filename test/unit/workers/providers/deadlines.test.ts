import { describe, expect, it } from "vitest";
import {
  blockingSink,
  callOf,
  chunk,
  doneEvent,
  httpUpstream,
  providerFor,
  recordingSink,
  sse,
} from "./upstream.ts";

const hello = chunk({ role: "assistant", content: "hello" });
const stop = chunk({}, "stop");
const timeouts = { connectMs: 500, firstByteMs: 5000, idleMs: 5000 };

describe("deadlines", () => {
  it.each([true, false])("ends a call that gets no headers (stream: %s)", async (stream) => {
    const upstream = await httpUpstream(() => undefined);
    const provider = providerFor(upstream.baseUrl, { timeouts: { ...timeouts, firstByteMs: 50 } });
    const outcome = await provider.call(callOf({ stream }), recordingSink());
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "first_byte_timeout",
      sent: true,
      gotHeaders: false,
      ttftMs: null,
    });
    await upstream.allClosed();
  });

  it("ends a whole answer whose body does not begin", async () => {
    const upstream = await httpUpstream((_request, response) => response.flushHeaders());
    // The headers must come before, however slow the machine is.
    const provider = providerFor(upstream.baseUrl, { timeouts: { ...timeouts, firstByteMs: 500 } });
    const outcome = await provider.call(callOf(), recordingSink());
    expect(outcome).toMatchObject({ reason: "first_byte_timeout", gotHeaders: true });
    await upstream.allClosed();
  });

  it("does not take comments for the first event", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse);
      const beat = setInterval(() => response.write(": still loading\n\n"), 10);
      response.on("close", () => clearInterval(beat));
    });
    const provider = providerFor(upstream.baseUrl, { timeouts: { ...timeouts, firstByteMs: 100 } });
    const outcome = await provider.call(callOf({ stream: true }), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "first_byte_timeout" });
    await upstream.allClosed();
  });

  it.each([true, false])("ends an answer that stalls (stream: %s)", async (stream) => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, stream ? sse : {});
      response.write(stream ? hello : '{"choices":[');
    });
    const provider = providerFor(upstream.baseUrl, { timeouts: { ...timeouts, idleMs: 50 } });
    const sink = recordingSink();
    const outcome = await provider.call(callOf({ stream }), sink);
    expect(outcome).toMatchObject({ kind: "failed", reason: "idle_timeout", gotHeaders: true });
    expect(sink.text()).toBe(stream ? hello : "");
    await upstream.allClosed();
  });

  it("counts each byte as life once a stream has begun", async () => {
    const wire = Buffer.from(hello + stop + doneEvent);
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse);
      response.write(wire.subarray(0, hello.length));
      let at = hello.length;
      const drip = setInterval(() => {
        if (at < wire.length) response.write(wire.subarray(at, (at += 10)));
        else response.end();
      }, 20);
      response.on("close", () => clearInterval(drip));
    });
    const provider = providerFor(upstream.baseUrl, { timeouts: { ...timeouts, idleMs: 150 } });
    const outcome = await provider.call(callOf({ stream: true }), recordingSink());
    expect(outcome).toMatchObject({ kind: "ok" });
  });

  it.each([": keep-alive\n\n", ":\n\n", "\n\n", "data:\n\n", "event: ping\n\n"])(
    "does not take %j for life in a stream that has begun",
    async (sign) => {
      const upstream = await httpUpstream((_request, response) => {
        response.writeHead(200, sse).write(hello);
        const beat = setInterval(() => response.write(sign), 10);
        response.on("close", () => clearInterval(beat));
      });
      const provider = providerFor(upstream.baseUrl, { timeouts: { ...timeouts, idleMs: 100 } });
      for (const stream of [true, false]) {
        const outcome = await provider.call(callOf({ stream }), recordingSink());
        expect(outcome).toMatchObject({ kind: "failed", reason: "idle_timeout" });
      }
    },
  );

  it("does not hold the reader's slowness against the upstream", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse).end(hello + stop + doneEvent);
    });
    const provider = providerFor(upstream.baseUrl, { timeouts: { ...timeouts, idleMs: 30 } });
    const { sink, blocked, letGo } = blockingSink();
    const outcome = provider.call(callOf({ stream: true }), sink);
    await blocked;
    setTimeout(letGo, 120);
    expect(await outcome).toMatchObject({ kind: "ok" });
  });

  it("closes the socket of an upstream that does not end its message after [DONE]", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse).write(hello + stop + doneEvent);
    });
    const provider = providerFor(upstream.baseUrl, {}, { drainMs: 30 });
    const outcome = await provider.call(callOf({ stream: true }), recordingSink());
    expect(outcome).toMatchObject({ kind: "ok", tail: stop + doneEvent });
    await upstream.allClosed();
  });
});
