import { describe, expect, it } from "vitest";
import {
  blockingSink,
  callOf,
  chunk,
  closedPort,
  doneEvent,
  httpUpstream,
  providerFor,
  rawUpstream,
  recordingSink,
  silentUpstream,
  sse,
} from "../upstream.ts";

const hello = chunk({ content: "hello" });
const stop = chunk({}, "stop");
const timeouts = { connectMs: 500, firstByteMs: 5000, idleMs: 5000 };

describe("connections", () => {
  it("fails with connect and nothing sent when the port is closed", async () => {
    const provider = providerFor(await closedPort());
    expect(await provider.call(callOf(), recordingSink())).toMatchObject({
      kind: "failed",
      reason: "connect",
      sent: false,
      gotHeaders: false,
    });
  });

  it("fails with connect when TLS cannot be agreed, never falling back to plain text", async () => {
    const upstream = await httpUpstream((_request, response) => response.end("{}"));
    const provider = providerFor(upstream.baseUrl.replace("http:", "https:"));
    expect(await provider.call(callOf(), recordingSink())).toMatchObject({
      kind: "failed",
      reason: "connect",
      sent: false,
    });
  });

  it("fails with connect when the connection is not made in time", async () => {
    const upstream = await silentUpstream(() => undefined);
    const provider = providerFor(upstream, { timeouts: { ...timeouts, connectMs: 100 } });
    expect(await provider.call(callOf(), recordingSink())).toMatchObject({
      kind: "failed",
      reason: "connect",
      sent: false,
    });
  });

  it("counts a kept-alive socket that dies under a request as possibly sent", async () => {
    let requests = 0;
    const upstream = await rawUpstream((socket) => {
      requests += 1;
      if (requests === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
      else socket.destroy();
    });
    const provider = providerFor(upstream.baseUrl, { slots: 1 });
    await provider.call(callOf(), recordingSink());
    const outcome = await provider.call(callOf(), recordingSink());
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "cut",
      sent: true,
      gotHeaders: false,
    });
    expect([requests, upstream.accepted()]).toEqual([2, 1]);
  });

  it("never has more requests in flight than slots, aborted calls included", async () => {
    let open = 0;
    let most = 0;
    const upstream = await httpUpstream(({ socket }, response) => {
      let isOver = false;
      // The response's "close" would be too late: it comes rounds of the event loop after the
      // caller's FIN, and a busy machine reads the next request before it.
      const end = (): void => {
        if (!isOver) open -= 1;
        isOver = true;
      };
      open += 1;
      most = Math.max(most, open);
      socket.once("end", end).once("close", end);
      setTimeout(() => {
        end();
        response.end("{}");
      }, 5);
    });
    const provider = providerFor(upstream.baseUrl, { slots: 3 });
    await Promise.all(
      Array.from({ length: 30 }, async (_none, i) => {
        const signal = i % 3 === 0 ? AbortSignal.timeout(i) : new AbortController().signal;
        await provider.call(callOf({ signal }), recordingSink());
      }),
    );
    expect(most).toBe(3);
  });

  it("stops reading the upstream while the sink takes nothing", async () => {
    const piece = Buffer.from(chunk({ content: "x".repeat(64 * 1024) }));
    const stalled = Promise.withResolvers<number>();
    let total = 0;
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse);
      let quiet: NodeJS.Timeout | undefined;
      const send = () => {
        clearTimeout(quiet);
        quiet = setTimeout(() => stalled.resolve(total), 200);
        let more = total < 96 * 1024 * 1024;
        while (more) {
          total += piece.length;
          more = response.write(piece) && total < 96 * 1024 * 1024;
        }
        if (total >= 96 * 1024 * 1024) {
          clearTimeout(quiet);
          stalled.resolve(total);
          response.end(stop + doneEvent);
        }
      };
      response.on("drain", send);
      send();
    });
    const { sink, letGo } = blockingSink();
    const outcome = providerFor(upstream.baseUrl).call(callOf({ stream: true }), sink);
    expect(await stalled.promise).toBeLessThan(32 * 1024 * 1024);
    letGo();
    expect(await outcome).toMatchObject({ kind: "ok" });
  });

  it("frees the socket and passes the error on when the sink fails", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse).write(hello);
    });
    const sink = { head: () => undefined, write: () => Promise.reject(new Error("sink broke")) };
    const call = providerFor(upstream.baseUrl).call(callOf({ stream: true }), sink);
    await expect(call).rejects.toThrow("sink broke");
    await upstream.allClosed();
  });

  it("refuses a key that cannot travel in a header", () => {
    expect(() => providerFor("http://127.0.0.1:1/v1", { apiKey: "sk-1\nx" })).toThrow(/header/);
  });
});
