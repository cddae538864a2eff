import { describe, expect, it } from "vitest";
import {
  blockingSink,
  callOf,
  chunk,
  doneEvent,
  httpUpstream,
  providerFor,
  rawUpstream,
  recordingSink,
  sse,
  streamUpstream,
  usageChunk,
} from "../upstream.ts";

const role = chunk({ role: "assistant", content: "" });
const hello = chunk({ content: "hé" });
const world = chunk({ content: "🌍" });
const stop = chunk({}, "stop");
const goodStream = [role, hello, world, stop, usageChunk, doneEvent];

async function streamed(
  events: readonly string[],
  changes: Parameters<typeof callOf>[0] = {},
  limits: Parameters<typeof providerFor>[2] = {},
) {
  const upstream = await streamUpstream(...events);
  const sink = recordingSink();
  const provider = providerFor(upstream.baseUrl, {}, limits);
  const outcome = await provider.call(callOf({ stream: true, ...changes }), sink);
  return { outcome, sink };
}

function reporting(completionTokens: number): string {
  const usage = { prompt_tokens: 3, completion_tokens: completionTokens };
  return chunk({ content: "x" }, null, { usage });
}

function choice(index: number, finish: string | null): string {
  return `data: ${JSON.stringify({ choices: [{ index, text: "t", finish_reason: finish }] })}\n\n`;
}

describe("a stream", () => {
  it("goes to the sink up to the last finish reason, the rest is held back as tail", async () => {
    const { outcome, sink } = await streamed(goodStream);
    expect(sink.heads()).toBe(1);
    expect(sink.text()).toBe(role + hello + world);
    expect(outcome).toMatchObject({
      kind: "ok",
      contentType: "text/event-stream",
      tail: stop + usageChunk + doneEvent,
      usage: { promptTokens: 7, completionTokens: 2 },
      outputBytes: Buffer.byteLength("hé🌍"),
      sent: true,
      gotHeaders: true,
    });
  });

  it("loses its usage chunk when the caller did not ask for it, but the usage is read", async () => {
    const { outcome } = await streamed(goodStream, { wantsUsage: false });
    expect(outcome).toMatchObject({
      kind: "ok",
      tail: stop + doneEvent,
      usage: { promptTokens: 7, completionTokens: 2 },
    });
  });

  it("takes the last of running reports for a floor", async () => {
    const { outcome } = await streamed([
      reporting(1),
      reporting(2),
      reporting(-5),
      stop,
      doneEvent,
    ]);
    const floor = { promptIsFloor: true, completionIsFloor: true };
    expect(outcome.usage).toEqual({ promptTokens: 3, completionTokens: 2, ...floor });
  });

  it("holds back from the moment on at which every choice is finished", async () => {
    const events = [choice(0, null), choice(0, "stop"), choice(1, null), choice(1, "length")];
    const changes = { endpoint: "completions", choices: 2 } as const;
    const { outcome, sink } = await streamed([...events, doneEvent], changes);
    expect(sink.text()).toBe(events.slice(0, 3).join(""));
    expect(outcome).toMatchObject({ kind: "ok", tail: `${events[3]}${doneEvent}`, outputBytes: 4 });
  });

  it("tells the sink of its head even when everything is held back", async () => {
    const all = chunk({ role: "assistant", content: "hé" }, "stop");
    const { outcome, sink } = await streamed([all, doneEvent]);
    expect(outcome).toMatchObject({ kind: "ok", tail: all + doneEvent });
    expect([sink.heads(), sink.text()]).toEqual([1, ""]);
  });

  it("may end right after [DONE], without a blank line", async () => {
    const { outcome } = await streamed([role, stop, "data: [DONE]"]);
    expect(outcome).toMatchObject({ kind: "ok", tail: stop + doneEvent });
  });

  it("keeps event names, writes data of several lines in one; ids and comments are dropped", async () => {
    const odd = `: ping\r\nevent: chunk\r\nid: 4\r\ndata:{"choices":[{"index":0,\r\ndata:"delta":{"role":"assistant"}}]}\r\n\r\n`;
    const { sink } = await streamed([odd, stop, doneEvent]);
    expect(sink.text()).toBe(
      'event: chunk\ndata: {"choices":[{"index":0, "delta":{"role":"assistant"}}]}\n\n',
    );
  });

  it.each(["[DONE] before a finish reason", "nothing at all"])("is cut by %s", async (name) => {
    const events = name === "nothing at all" ? [] : [role, doneEvent];
    const { outcome, sink } = await streamed(events);
    expect(outcome).toMatchObject({ kind: "failed", reason: "cut" });
    expect(sink.heads()).toBe(0);
  });

  it.each(["abort", "error", "cancelled"])("is cut by the finish reason %s", async (reason) => {
    const { outcome } = await streamed([role, hello, chunk({}, reason), doneEvent]);
    expect(outcome).toMatchObject({ kind: "failed", reason: "cut", outputBytes: 3 });
  });

  it("is cut by an end before a finish reason, and the usage seen before is a floor", async () => {
    const usage = { usage: { prompt_tokens: 3, completion_tokens: 1 } };
    const { outcome } = await streamed([chunk({ content: "abc" }, null, usage), hello]);
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "cut",
      outputBytes: 6,
      usage: { promptTokens: 3, completionTokens: 1 },
    });
  });

  it("is cut by a reset, after the events that arrived before it", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse);
      response.write(role + hello, () => response.socket?.destroySoon());
    });
    const sink = recordingSink();
    const provider = providerFor(upstream.baseUrl);
    const outcome = await provider.call(callOf({ stream: true }), sink);
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "cut",
      usage: undefined,
      outputBytes: 3,
    });
    expect(sink.text()).toBe(role + hello);
  });

  it("is cut after everything that arrived, even when the reader was slower than the cut", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse);
      response.write(hello);
      void blocked.then(() => response.write(reporting(1), () => response.socket?.destroySoon()));
    });
    const { sink, blocked, letGo } = blockingSink();
    const outcome = providerFor(upstream.baseUrl).call(callOf({ stream: true }), sink);
    await blocked;
    await upstream.allClosed();
    setTimeout(letGo, 20);
    expect(await outcome).toMatchObject({
      kind: "failed",
      reason: "cut",
      usage: { promptTokens: 3, completionTokens: 1 },
    });
  });

  it("forwards nothing when its first event is an error", async () => {
    const error = { message: "no more room", type: "server_error", code: null };
    const { outcome, sink } = await streamed([`data: ${JSON.stringify({ error })}\n\n`, doneEvent]);
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "server_error",
      error: { message: "no more room" },
      ttftMs: null,
    });
    expect([sink.heads(), sink.text()]).toEqual([0, ""]);
  });

  it("fails by an error in its middle, classified by its code", async () => {
    const error = { message: "Slow down", code: 429 };
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse);
      response.write(role);
      void forwarded.promise.then(() => response.end(`data: ${JSON.stringify({ error })}\n\n`));
    });
    const forwarded = Promise.withResolvers<void>();
    const sink = recordingSink();
    const outcome = await providerFor(upstream.baseUrl).call(callOf({ stream: true }), {
      head: () => sink.head(),
      write: async (text) => {
        await sink.write(text);
        forwarded.resolve();
      },
    });
    expect(outcome).toMatchObject({ kind: "failed", reason: "rate_limited", status: 429 });
    expect([sink.heads(), sink.text()]).toEqual([1, role]);
  });

  it("takes an event named error for one, whatever its data", async () => {
    const { outcome, sink } = await streamed(["event: error\ndata: out of memory\n\n"]);
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "server_error",
      error: { message: "out of memory" },
    });
    expect(sink.heads()).toBe(0);
  });

  it.each(["{broken", "7", "[7]", '"text"', '{"choices":[null]}', '{"choices":[{"index":-1}]}'])(
    "is malformed when an event's data is %s",
    async (data) => {
      const { outcome } = await streamed([role, `data: ${data}\n\n`]);
      expect(outcome).toMatchObject({ kind: "failed", reason: "malformed" });
    },
  );

  it.each([
    ["HTML", "text/html", "<html></html>", { reason: "malformed" }],
    ["an empty answer", "application/json", '{"choices":[]}', { reason: "cut" }],
    [
      "a JSON error",
      "application/json",
      '{"error":{"code":"rate_limit_exceeded"}}',
      { reason: "rate_limited" },
    ],
  ])("fails when %s comes instead", async (_name, contentType, body, expected) => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, { "content-type": contentType }).end(body);
    });
    const sink = recordingSink();
    const outcome = await providerFor(upstream.baseUrl).call(callOf({ stream: true }), sink);
    expect(outcome).toMatchObject({ kind: "failed", ...expected });
    expect(sink.heads()).toBe(0);
  });

  it.each([
    ["one endless line", "data: ", "x".repeat(500)],
    ["one endless event", "", "data: xxxxxxx\n"],
    ["endless events after the finish reason", stop, chunk({ content: "more" })],
  ])("is malformed by %s, and the socket is closed", async (_name, start, more) => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, sse);
      response.write(start);
      const send = () => {
        while (!response.destroyed && response.write(more));
      };
      response.on("drain", send);
      send();
    });
    const provider = providerFor(upstream.baseUrl, {}, { eventChars: 10_000 });
    const outcome = await provider.call(callOf({ stream: true }), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "malformed" });
    await upstream.allClosed();
  });

  it("costs little memory when one line never ends", async () => {
    const piece = Buffer.alloc(1024 * 1024, "x");
    const upstream = await rawUpstream((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ");
      const send = () => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on("drain", send);
      send();
    });
    const provider = providerFor(upstream.baseUrl, {}, { eventChars: 4 * 1024 * 1024 });
    const before = process.memoryUsage().rss;
    const outcome = await provider.call(callOf({ stream: true }), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "malformed" });
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024);
  });

  it("reads the same when every byte is a chunk of its own, and its socket is used again", async () => {
    const wire = Buffer.from(goodStream.join(""));
    const upstream = await rawUpstream((socket) => {
      socket.setNoDelay(true);
      socket.write(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
      );
      const bytes = wire.values();
      const send = () => {
        const { value, done } = bytes.next();
        if (done === true) {
          socket.write("0\r\n\r\n");
          return;
        }
        socket.write(Buffer.from([...Buffer.from("1\r\n"), value, ...Buffer.from("\r\n")]));
        setImmediate(send);
      };
      send();
    });
    const provider = providerFor(upstream.baseUrl, { slots: 1 });
    for (let round = 0; round < 2; round += 1) {
      const sink = recordingSink();
      const outcome = await provider.call(callOf({ stream: true }), sink);
      expect(sink.text()).toBe(role + hello + world);
      expect(outcome).toMatchObject({ kind: "ok", tail: stop + usageChunk + doneEvent });
    }
    expect(upstream.accepted()).toBe(1);
  });
});
