import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import {
  dial,
  startProxiedServer,
  startServer,
  type ProxiedServer,
  type TcpEnd,
} from "../../system/support/tcp-ends.ts";

let proxied: ProxiedServer;

beforeEach(async () => {
  proxied = await startProxiedServer();
});

const text = (end: TcpEnd): string => end.received().toString();
const arrives = (end: TcpEnd, expected: string): Promise<void> =>
  eventually(() => expect(text(end)).toBe(expected));
const ends = (end: TcpEnd, fate: string): Promise<void> =>
  eventually(() => expect(end.fate()).toBe(fate));

/** Bytes that are let through arrive in less time than this. */
const whileMs = 100;

describe("without a fault", () => {
  test("bytes and ends pass both ways, each way by itself", async () => {
    const { client, server } = await proxied.line();
    const question = randomBytes(3_000_000);
    const answer = randomBytes(3_000_000);
    client.socket.end(question);
    await ends(server, "ended");
    expect(server.received().equals(question)).toBe(true);
    server.socket.end(answer);
    await ends(client, "ended");
    expect(client.received().equals(answer)).toBe(true);
    expect(proxied.proxy.connections).toBe(1);
  });

  test("a receiver that reads late still gets all that was sent before the end", async () => {
    const { client, server } = await proxied.line();
    client.socket.pause();
    const sent = randomBytes(20_000_000);
    server.socket.end(sent);
    await sleep(whileMs);
    client.socket.resume();
    await ends(client, "ended");
    expect(client.received().equals(sent)).toBe(true);
  });

  test("a receiver that does not read holds its sender up", async () => {
    const { client, server } = await proxied.line();
    client.socket.pause();
    const total = 200_000_000;
    const chunk = Buffer.alloc(total / 2_000);
    let sent = 0;
    const chunks = function* (): Generator<Buffer> {
      for (; sent < total; sent += chunk.length) yield chunk;
    };
    Readable.from(chunks()).pipe(server.socket);
    let before: number;
    // The sender stops once every buffer on the way is full.
    await eventually(async () => {
      before = sent;
      await sleep(whileMs);
      expect(sent).toBe(before);
    }, 20_000);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(total / 2);
    client.socket.resume();
    await eventually(() => expect(client.socket.bytesRead).toBe(total), 20_000);
  });

  test("a reset at one end is a reset at the other", async () => {
    const { client, server } = await proxied.line();
    server.socket.resetAndDestroy();
    await ends(client, "ECONNRESET");
  });

  test("a server that is not there resets the client", async () => {
    const gone = await startServer();
    proxied.proxy.target = { host: "127.0.0.1", port: 1 };
    const client = dial(proxied.proxy.port);
    await ends(client, "ECONNRESET");
    proxied.proxy.target = { host: "127.0.0.1", port: gone.port };
    const server = gone.accepted();
    dial(proxied.proxy.port).socket.write("elsewhere");
    await arrives(await server, "elsewhere");
  });
});

describe("latency", () => {
  test("delays every byte each way, and what is sent together arrives together", async () => {
    const { client, server } = await proxied.line();
    proxied.proxy.latencyMs = 150;
    server.socket.on("data", (chunk) => server.socket.write(chunk));
    const begunAt = performance.now();
    for (let count = 0; count < 10; count++) {
      client.socket.write("x");
      await sleep(5);
    }
    await arrives(client, "x".repeat(10));
    const tookMs = performance.now() - begunAt;
    expect(tookMs).toBeGreaterThan(300);
    expect(tookMs).toBeLessThan(1_500);
  });

  test("that shrinks lets nothing overtake", async () => {
    const { client, server } = await proxied.line();
    proxied.proxy.latencyMs = 60_000;
    client.socket.write("first");
    await sleep(whileMs);
    expect(text(server)).toBe("");
    proxied.proxy.latencyMs = 0;
    client.socket.write(" second");
    await arrives(server, "first second");
  });
});

describe("faults", () => {
  test("stall: nothing gets through, and afterwards everything", async () => {
    const { client, server } = await proxied.line();
    proxied.proxy.fault = "stall";
    client.socket.write("question");
    server.socket.end("answer");
    const other = await proxied.line();
    other.client.socket.write("late");
    await sleep(whileMs);
    expect([text(server), text(client), text(other.server)]).toEqual(["", "", ""]);
    expect(client.fate()).toBeUndefined();
    proxied.proxy.fault = "none";
    await arrives(server, "question");
    await arrives(client, "answer");
    await ends(client, "ended");
    await arrives(other.server, "late");
  });

  test("drop: bytes and ends vanish, and what lost some is reset afterwards", async () => {
    const { client, server } = await proxied.line();
    const idle = await proxied.line();
    proxied.proxy.fault = "drop";
    client.socket.end("gone");
    await sleep(whileMs);
    expect([text(server), server.fate(), client.fate()]).toEqual(["", undefined, undefined]);
    proxied.proxy.fault = "none";
    await ends(server, "ECONNRESET");
    await ends(client, "ECONNRESET");
    idle.client.socket.write("whole");
    await arrives(idle.server, "whole");
  });

  test("refuse: new connections are reset, the others go on", async () => {
    const { client, server } = await proxied.line();
    proxied.proxy.fault = "refuse";
    await ends(dial(proxied.proxy.port), "ECONNRESET");
    client.socket.write("still");
    await arrives(server, "still");
    expect(proxied.proxy.connections).toBe(1);
  });

  test("reset: both ends of every connection", async () => {
    const lines = [await proxied.line(), await proxied.line()];
    proxied.proxy.reset();
    for (const { client, server } of lines) {
      await ends(client, "ECONNRESET");
      await ends(server, "ECONNRESET");
    }
    const { client, server } = await proxied.line();
    client.socket.write("new");
    await arrives(server, "new");
  });

  test("half-open: the server's end is closed, and the client writes into nothing", async () => {
    const { client, server } = await proxied.line();
    proxied.proxy.halfOpen();
    await eventually(() => expect(server.fate()).toBeDefined());
    client.socket.write("anyone?");
    await sleep(whileMs);
    expect(client.fate()).toBeUndefined();
    expect(client.socket.destroyed).toBe(false);
    client.socket.end();
    await ends(client, "ended");
    const other = await proxied.line();
    other.client.socket.write("here");
    await arrives(other.server, "here");
  });

  test("close ends half-open lines, too", async () => {
    const { client } = await proxied.line();
    proxied.proxy.halfOpen();
    await proxied.proxy.close();
    await ends(client, "ended");
  });

  test.each(["client", "server"] as const)(
    "cut: the line towards the %s carries that many bytes, then is reset",
    async (towards) => {
      const line = await proxied.line();
      const [from, to] =
        towards === "client" ? [line.server, line.client] : [line.client, line.server];
      proxied.proxy.cutAfter(5, towards);
      to.socket.write("other direction");
      await arrives(from, "other direction");
      from.socket.write("123");
      await arrives(to, "123");
      // The bytes before the cut wait together with bytes that come after it.
      proxied.proxy.latencyMs = 60_000;
      from.socket.write("456");
      await sleep(whileMs);
      from.socket.write("789");
      await sleep(whileMs);
      proxied.proxy.latencyMs = 0;
      await ends(to, "ECONNRESET");
      await ends(from, "ECONNRESET");
      expect(text(to)).toBe("12345");
      const next = await proxied.line();
      next.server.socket.write("uncut, all of it");
      await arrives(next.client, "uncut, all of it");
    },
  );
});
