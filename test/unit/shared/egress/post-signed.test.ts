import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Agent } from "undici";
import { createEgressPolicy } from "../../../../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../../../../shared/egress/guarded-agent.ts";
import { postSigned, type SignedPost } from "../../../../shared/egress/post-signed.ts";
import { eventually } from "../../../support/eventually.ts";
import { ok, startReceiver, type Receiver } from "./receiver.ts";

const MAX_BYTES = 16_384;

let receiver: Receiver;
let agent: Agent;

beforeAll(async () => {
  receiver = await startReceiver();
  agent = createGuardedAgent(createEgressPolicy({ allowNetworks: ["127.0.0.0/8"] }));
});
beforeEach(() => {
  receiver.requests.length = 0;
});
afterAll(async () => {
  await agent.destroy();
  await receiver[Symbol.asyncDispose]();
});

function post(changes: Partial<SignedPost> = {}) {
  return postSigned(agent, {
    url: `http://127.0.0.1:${receiver.port}/hook`,
    headers: { "content-type": "application/json", "webhook-id": "evt_1" },
    body: "{}",
    timeoutMs: 10_000,
    maxResponseBytes: MAX_BYTES,
    ...changes,
  });
}

const closed = () => eventually(() => expect(receiver.open).toBe(0));

describe("a request", () => {
  test("has the body, the query and the headers as they were given", async () => {
    receiver.answer = (socket) => void socket.write(ok("thanks"));
    const target = "/webhook-waiting/17?signature=0a%2Fb%2f+~&&x=%";
    const body = Buffer.from('{"text":"Grüße, 世界","n":1.0}');
    const answer = await post({ url: `http://127.0.0.1:${receiver.port}${target}`, body });
    expect(answer).toEqual({ status: 200, retryAfter: undefined, bodyStart: "thanks" });
    const [head = "", sent] = receiver.requests[0]?.split("\r\n\r\n") ?? [];
    const [line, ...headers] = head.split("\r\n");
    expect(line).toBe(`POST ${target} HTTP/1.1`);
    expect(headers.toSorted()).toEqual([
      "connection: close",
      `content-length: ${body.length}`,
      "content-type: application/json",
      `host: 127.0.0.1:${receiver.port}`,
      "webhook-id: evt_1",
    ]);
    expect(sent).toBe(body.toString());
  });

  test("closes its connection, though the receiver would keep it", async () => {
    receiver.answer = (socket) => void socket.write(ok("thanks"));
    await post();
    await closed();
  });
});

describe("an answer", () => {
  test.each([200, 204, 301, 307, 400, 404, 410, 429, 500, 502, 504])(
    "is any status: %i",
    async (status) => {
      receiver.answer = (socket) =>
        void socket.write(`HTTP/1.1 ${status} X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n`);
      expect(await post()).toEqual({ status, retryAfter: "120", bodyStart: "" });
    },
  );

  test("has its first Retry-After", async () => {
    receiver.answer = (socket) =>
      void socket.write(
        "HTTP/1.1 429 X\r\nRetry-After: 7\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n",
      );
    expect(await post()).toMatchObject({ status: 429, retryAfter: "7" });
  });

  test("comes after those that only say to go on", async () => {
    receiver.answer = (socket) =>
      void socket.write(`HTTP/1.1 103 Early Hints\r\nRetry-After: 1\r\n\r\n${ok("thanks")}`);
    expect(await post()).toEqual({ status: 200, retryAfter: undefined, bodyStart: "thanks" });
  });

  test("is text that a database takes, cut between characters", async () => {
    receiver.answer = (socket) => void socket.write(ok("a\0b\ud800世"));
    expect((await post()).bodyStart).toBe("a\ufffdb\ufffd世");
    receiver.answer = (socket) => void socket.write(ok("世".repeat(10)));
    expect((await post({ maxResponseBytes: 8 })).bodyStart).toBe("世世");
  });

  test("is not unpacked", async () => {
    receiver.answer = (socket) =>
      void socket.write(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
      );
    expect((await post()).bodyStart).toBe("abc");
  });
});

describe("a body without end", () => {
  test.each([
    ["with a length", "Content-Length: 1000000000\r\n\r\n"],
    ["without a length", "\r\n"],
  ])("is cut at 16 KiB and the connection closed: %s", async (_how, rest) => {
    let written = 0;
    receiver.answer = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
      const more = () => {
        while (!socket.destroyed && socket.write("x".repeat(1_024))) written += 1_024;
      };
      socket.on("drain", more);
      more();
    };
    const answer = await post();
    expect(answer.status).toBe(200);
    expect(answer.bodyStart).toBe("x".repeat(MAX_BYTES));
    await closed();
    // The buffers of both kernels hold less than this; without a cut there would be no end.
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  test("is cut at the time limit when it comes slowly", async () => {
    receiver.answer = (socket) => {
      socket.write("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
      const drip = setInterval(() => socket.write("1\r\nx\r\n"), 20);
      socket.on("close", () => clearInterval(drip));
    };
    const answer = await post({ timeoutMs: 300 });
    expect(answer.status).toBe(202);
    expect(answer.bodyStart).toMatch(/^x+$/);
    await closed();
  });

  test("does not change the status when it breaks", async () => {
    receiver.answer = (socket) =>
      void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", () =>
        setTimeout(() => socket.resetAndDestroy(), 20),
      );
    expect(await post()).toEqual({ status: 200, retryAfter: undefined, bodyStart: "half" });
  });
});

describe("no answer", () => {
  test("in time is a timeout and closes the connection", async () => {
    receiver.answer = () => undefined;
    await expect(post({ timeoutMs: 100 })).rejects.toMatchObject({ reason: "timeout" });
    await closed();
  });

  test.each([
    ["headers drip", "HTTP/1.1 200 OK\r\n", "X-A: b\r\n"],
    ["one is always about to come", "", "HTTP/1.1 103 Early Hints\r\n\r\n"],
  ])("in time is a timeout also when %s", async (_what, first, next) => {
    receiver.answer = (socket) => {
      socket.write(first + next);
      const drip = setInterval(() => socket.write(next), 20);
      socket.on("close", () => clearInterval(drip));
    };
    await expect(post({ timeoutMs: 200 })).rejects.toMatchObject({ reason: "timeout" });
    await closed();
  });

  test("in time while the name is looked up: the late connection is closed unused", async () => {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    const policy = createEgressPolicy({ allowNetworks: ["127.0.0.0/8"] });
    const late = createGuardedAgent(policy, { resolveHost: () => promise });
    const url = `http://late.example:${receiver.port}/`;
    const options = { headers: {}, body: "{}", timeoutMs: 50, maxResponseBytes: MAX_BYTES };
    await expect(postSigned(late, { url, ...options })).rejects.toMatchObject({
      reason: "timeout",
    });
    resolve(["127.0.0.1"]);
    await eventually(() => expect(receiver.requests).toHaveLength(1));
    await closed();
    expect(receiver.requests).toEqual([""]);
    expect(Object.keys(late.stats)).toEqual([]);
    await late.destroy();
  });

  test.each([
    ["a reset connection", (socket) => void socket.resetAndDestroy()],
    ["a closed connection", (socket) => void socket.end()],
    ["half a head", (socket) => void socket.end("HTTP/1.1 200 OK\r\nX-A:")],
    ["what is not HTTP", (socket) => void socket.write("SSH-2.0-OpenSSH_9.9\r\n")],
    [
      "headers without end",
      (socket) => void socket.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(99_999)}`),
    ],
    [
      "another protocol",
      (socket) => void socket.write("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ],
  ] satisfies [string, Receiver["answer"]][])("is a reset: %s", async (_what, answer) => {
    receiver.answer = answer;
    await expect(post()).rejects.toMatchObject({ name: "EgressError", reason: "reset" });
    // The request was not repeated.
    expect(receiver.requests).toHaveLength(1);
    await closed();
  });

  test("is not a connection when nobody listens", async () => {
    const gone = await startReceiver();
    await gone[Symbol.asyncDispose]();
    const failed = post({ url: `http://127.0.0.1:${gone.port}/` });
    await expect(failed).rejects.toMatchObject({
      reason: "connect",
      message: "no connection: ECONNREFUSED",
    });
  });

  test.each([
    ["no url", "refused_address"],
    ["ftp://127.0.0.1/", "refused_address"],
    ["http://127.0.0.1:0/", "connect"],
  ])("is a failure, never a crash, for %j", async (url, reason) => {
    await expect(post({ url })).rejects.toMatchObject({ name: "EgressError", reason });
  });
});

describe("a signal", () => {
  test("ends the call with its reason and closes the connection", async () => {
    const stop = new AbortController();
    receiver.answer = () => stop.abort(new Error("shutting down"));
    await expect(post({ signal: stop.signal })).rejects.toThrow("shutting down");
    await closed();
    await expect(post({ signal: stop.signal })).rejects.toThrow("shutting down");
    expect(receiver.requests).toHaveLength(1);
  });
});
