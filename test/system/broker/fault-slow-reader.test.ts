import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, eventsOf } from "./ask.ts";
import { expectAtRest, richKey } from "./fault-rig.ts";
import { withoutRescue } from "./without-rescue.ts";

const TOKENS = 2_000_000;

let broker: TestBroker;
let key: string;
let socket: Socket;
/** The job of the reader that has stalled. */
let job: string | undefined;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, price: { input: 1, output: 1 } } },
    cadences: withoutRescue,
    models: `  chat:\n    serve: [{ provider: gpu, model: m }]\n    max_output_tokens: ${TOKENS}`,
  });
  key = await richKey(broker);
});
afterEach(() => socket.destroy());
afterAll(() => broker.stop());

/** Asks for an endless stream, reads its beginning and then stops reading. */
async function stalledReader(deadlineMs = 600_000): Promise<Socket> {
  const { hostname, port } = new URL(broker.url);
  const client = connect(Number(port), hostname);
  const body = JSON.stringify({
    model: "chat",
    stream: true,
    max_tokens: TOKENS,
    messages: [{ role: "user", content: `[sim output=${TOKENS}]` }],
  });
  client.write(
    [
      "POST /v1/chat/completions HTTP/1.1",
      "host: broker",
      `authorization: Bearer ${key}`,
      `x-spillway-deadline-ms: ${deadlineMs}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n"),
  );
  const [head] = (await once(client, "data")) as [Buffer];
  client.pause();
  job = /^x-spillway-job-id: (\S+)/m.exec(head.toString())?.[1];
  return client;
}

async function stalledJob(): Promise<unknown> {
  const { rows } = await broker.database.pool.query(
    "select state, error_code from jobs where id = $1",
    [job],
  );
  return rows[0];
}

async function expectStopped(): Promise<void> {
  socket.destroy();
  await expectAtRest(broker);
  expect(await stalledJob()).toEqual({ state: "cancelled", error_code: "disconnect" });
}

function generated(): number {
  return broker.upstreams["gpu"]?.counters().completionTokens ?? 0;
}

/** Waits until the count of generated tokens stands still, and returns it. */
async function whenBlocked(): Promise<number> {
  let last = -1;
  let still = 0;
  return await eventually(() => {
    const now = generated();
    still = now === last ? still + 1 : 0;
    last = now;
    if (still < 25) throw new Error(`still growing: ${now} tokens`);
    return now;
  });
}

/**
 * Stalls until no byte more fits between the broker and its reader. On a busy machine a stream may
 * end before that, and with it in order: then a longer deadline is tried.
 */
async function blockBeforeDeadline(): Promise<void> {
  for (let deadlineMs = 3_000; ; deadlineMs *= 2) {
    socket = await stalledReader(deadlineMs);
    await whenBlocked();
    const { rows } = await broker.database.pool.query(
      "select from jobs where id = $1 and state = 'running'",
      [job],
    );
    if (rows.length > 0) return;
    socket.destroy();
  }
}

test("a reader who takes nothing stops the generation, and nobody else's", async () => {
  socket = await stalledReader();
  const blockedAt = await whenBlocked();
  expect(blockedAt).toBeLessThan(TOKENS / 4);
  const memoryBefore = process.memoryUsage();

  const quick = await Promise.all(
    Array.from({ length: 12 }, () => ask(broker, { key, stream: true, maxTokens: 50 })),
  );
  for (const answer of quick) expect(eventsOf(answer.text).at(-1)).toBe("[DONE]");
  // None of them has waited for the end of the stalled one.
  expect(await stalledJob()).toEqual({ state: "running", error_code: null });
  const { heapUsed, external } = process.memoryUsage();
  const grown = heapUsed + external - memoryBefore.heapUsed - memoryBefore.external;
  expect(grown).toBeLessThan(64 * 1024 * 1024);

  await expectStopped();
});

test("a reader who goes on sets the generation going again", async () => {
  socket = await stalledReader();
  const blockedAt = await whenBlocked();
  let received = 0;
  socket.on("data", (bytes: Buffer) => {
    received += bytes.length;
  });
  socket.resume();
  await eventually(() => expect(generated()).toBeGreaterThan(blockedAt + 10_000));
  expect(received).toBeGreaterThan(0);
  await expectStopped();
});

test("a reader who takes nothing is hung up on after its deadline", async () => {
  await blockBeforeDeadline();
  socket.on("error", () => undefined);
  await expectAtRest(broker);
  // The client reads nothing, so only a write shows it that the broker has closed the connection.
  // An empty line before the next request is allowed.
  await eventually(() => {
    if (!socket.destroyed) socket.write("\r\n");
    expect(socket.destroyed).toBe(true);
  });
  expect(await stalledJob()).toEqual({ state: "expired", error_code: "deadline" });
});
