import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  blockingSink,
  callOf,
  chunk,
  doneEvent,
  httpUpstream,
  providerFor,
  recordingSink,
  silentUpstream,
  sse,
} from "./upstream.ts";

const hello = chunk({ content: "hello" });
const stop = chunk({}, "stop");

describe("abort", () => {
  it("sends nothing when it came before the call", async () => {
    const upstream = await httpUpstream(() => undefined);
    const signal = AbortSignal.abort();
    const outcome = await providerFor(upstream.baseUrl).call(callOf({ signal }), recordingSink());
    expect(outcome).toMatchObject({ kind: "aborted", sent: false });
    expect(upstream.accepted()).toBe(0);
  });

  it("closes the socket while the headers are awaited", async () => {
    const aborter = new AbortController();
    const upstream = await httpUpstream(() => aborter.abort());
    const call = callOf({ signal: aborter.signal });
    const outcome = await providerFor(upstream.baseUrl).call(call, recordingSink());
    expect(outcome).toMatchObject({ kind: "aborted", sent: true, gotHeaders: false });
    await upstream.allClosed();
  });

  it("closes the socket in the middle of a stream and says what was seen", async () => {
    const aborter = new AbortController();
    const upstream = await httpUpstream((_request, response) => {
      response
        .writeHead(200, sse)
        .write(
          chunk({ content: "abc" }, null, { usage: { prompt_tokens: 2, completion_tokens: 1 } }),
        );
    });
    const sink = recordingSink();
    const call = callOf({ stream: true, signal: aborter.signal });
    const outcome = await providerFor(upstream.baseUrl).call(call, {
      head: () => sink.head(),
      write: async (text) => {
        await sink.write(text);
        aborter.abort();
      },
    });
    expect(outcome).toMatchObject({
      kind: "aborted",
      sent: true,
      gotHeaders: true,
      outputBytes: 3,
      usage: { promptTokens: 2, completionTokens: 1 },
    });
    await upstream.allClosed();
  });

  it("closes the socket while the sink takes nothing more", async () => {
    const aborter = new AbortController();
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse).write(hello);
    });
    const { sink, blocked } = blockingSink();
    const call = callOf({ stream: true, signal: aborter.signal });
    const outcome = providerFor(upstream.baseUrl).call(call, sink);
    await blocked;
    aborter.abort();
    expect(await outcome).toMatchObject({ kind: "aborted" });
    await upstream.allClosed();
  });

  it("ends at once while the connection is being made, and nothing is sent later", async () => {
    const connected = Promise.withResolvers<void>();
    const upstream = await silentUpstream(connected.resolve);
    const provider = providerFor(upstream);
    const aborter = new AbortController();
    const outcome = provider.call(callOf({ signal: aborter.signal }), recordingSink());
    await connected.promise;
    aborter.abort();
    expect(await outcome).toMatchObject({ kind: "aborted", sent: false });
  });

  it("after the end changes nothing", async () => {
    const aborter = new AbortController();
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse).end(stop + doneEvent);
    });
    const provider = providerFor(upstream.baseUrl, { slots: 1 });
    const call = callOf({ stream: true, signal: aborter.signal });
    expect(await provider.call(call, recordingSink())).toMatchObject({ kind: "ok" });
    aborter.abort();
    expect(await provider.call(callOf({ stream: true }), recordingSink())).toMatchObject({
      kind: "ok",
    });
    expect(upstream.accepted()).toBe(1);
  });

  it("before the request went out keeps it from ever being sent", async () => {
    const seen: unknown[] = [];
    const upstream = await httpUpstream((request, response) => {
      seen.push(request.headers["x-client-request-id"]);
      response.end("{}");
    });
    const provider = providerFor(upstream.baseUrl, { slots: 1 });
    const aborter = new AbortController();
    const call = callOf({ requestId: "aborted", signal: aborter.signal });
    const outcome = provider.call(call, recordingSink());
    aborter.abort();
    expect(await outcome).toMatchObject({ kind: "aborted", sent: false });
    await provider.call(callOf({ requestId: "next" }), recordingSink());
    expect(seen).toEqual(["next"]);
  });

  it("resolves only when the socket is closed", async () => {
    const events: string[] = [];
    const remember = (message: unknown) => {
      const { socket } = message as { socket: Socket };
      events.push("connected");
      socket.once("close", () => events.push("closed"));
    };
    subscribe("undici:client:connected", remember);
    onTestFinished(() => void unsubscribe("undici:client:connected", remember));
    const aborter = new AbortController();
    const upstream = await httpUpstream(() => aborter.abort());
    const call = callOf({ signal: aborter.signal });
    await providerFor(upstream.baseUrl).call(call, recordingSink());
    expect(events).toEqual(["connected", "closed"]);
  });
});
