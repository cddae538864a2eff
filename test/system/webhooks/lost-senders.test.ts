import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Pool, QueryConfig } from "pg";
import { eventually } from "../../support/eventually.ts";
import { programFile } from "../../support/programs.ts";
import type { Answer } from "./receiver.ts";
import { sendAll, startWebhooks, type WebhookRig } from "./webhook-rig.ts";

let rig: WebhookRig;
beforeAll(async () => {
  rig = await startWebhooks();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.reset());

const ids = (path: string) => rig.receiver.at(path).map(({ headers }) => headers["webhook-id"]);

/** The pool waits at the first statement that records the result of an attempt. */
function frozenPool() {
  const reached = Promise.withResolvers<void>();
  const thaw = Promise.withResolvers<void>();
  const query = async (statement: QueryConfig) => {
    if (statement.text.includes("record_webhook_attempt")) {
      reached.resolve();
      await thaw.promise;
    }
    return await rig.pool.query(statement);
  };
  return { pool: { query } as Pick<Pool, "query">, reached: reached.promise, thaw: thaw.resolve };
}

describe("a worker that is lost after the call and before it has written that down", () => {
  test("leaves the delivery to another, under the same id; its own late word changes nothing", async () => {
    const { id } = await rig.endpoint("/lost");
    await rig.emit();
    const frozen = frozenPool();
    const lost = rig.sender({ pool: frozen.pool });
    await lost.round();
    await frozen.reached;
    const other = rig.sender();
    await sendAll(other);
    expect(ids("/lost")).toHaveLength(1);

    rig.advance(60_000);
    rig.receiver.answer = () => ({ status: 500 });
    await sendAll(other);
    const [first, second] = ids("/lost");
    expect(second).toBe(first);
    expect((await rig.deliveries(id))[0]).toMatchObject({
      state: "pending",
      attempts: [
        { attempt: 1, error: "interrupted" },
        { attempt: 2, status_code: 500 },
      ],
    });

    frozen.thaw();
    await lost.idle();
    expect((await rig.deliveries(id))[0]).toMatchObject({
      state: "pending",
      attempts: [{ status_code: 204 }, { status_code: 500 }],
    });
  });

  test("also when the whole process is killed", async () => {
    const { id } = await rig.endpoint("/killed");
    await rig.emit();
    const child = spawn(process.execPath, [programFile("webhook-sender"), rig.broker.url]);
    const exited = once(child, "exit");
    rig.receiver.answer = async () => {
      child.kill("SIGKILL");
      await exited;
      return { status: 204 };
    };
    await exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect((await rig.deliveries(id))[0]).toMatchObject({
      attempts: [{ attempt: 1, status_code: null, error: null }],
    });
    rig.advance(3_000);
    await sendAll(rig.sender());
    const [first, second] = ids("/killed");
    expect(second).toBe(first);
    expect((await rig.deliveries(id))[0]).toMatchObject({
      state: "delivered",
      attempts: [{ error: "interrupted" }, { status_code: 204 }],
    });
  });

  test("may still have the last word while nobody else has taken the delivery", async () => {
    const { id } = await rig.endpoint("/late");
    await rig.emit();
    const frozen = frozenPool();
    const late = rig.sender({ pool: frozen.pool });
    await late.round();
    await frozen.reached;
    rig.advance(60_000);
    frozen.thaw();
    await late.idle();
    expect((await rig.deliveries(id))[0]?.state).toBe("delivered");
  });
});

test("a sender that is stopped gives back what is in flight, without counting a failure", async () => {
  const { id } = await rig.endpoint("/stopped");
  await rig.emit();
  const held = Promise.withResolvers<Answer>();
  rig.receiver.answer = () => held.promise;
  const stopped = rig.sender();
  await stopped.round();
  await eventually(() => expect(ids("/stopped")).toHaveLength(1));
  await stopped.stop(0);
  const other = rig.sender();
  rig.receiver.answer = () => ({ status: 204 });
  await sendAll(other);
  expect(new Set(ids("/stopped")).size).toBe(1);
  expect((await rig.deliveries(id))[0]).toMatchObject({
    state: "delivered",
    attempts: [{ error: "interrupted", status_code: null }, { status_code: 204 }],
  });
  held.resolve({ status: 204 });
});

test("many senders side by side send each delivery once", async () => {
  const { id } = await rig.endpoint("/once");
  for (let count = 0; count < 40; count++) await rig.emit(`resp_${count}`);
  const senders = [rig.sender(), rig.sender(), rig.sender()];
  await eventually(async () => {
    await Promise.all(senders.map((sender) => sender.round()));
    const states = (await rig.deliveries(id)).map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(["delivered"]));
    const { rows } = await rig.pool.query(
      "select from webhook_deliveries where state <> 'delivered'",
    );
    expect(rows).toEqual([]);
  });
  expect(new Set(ids("/once")).size).toBe(40);
  expect(ids("/once")).toHaveLength(40);
});

describe("a slow endpoint", () => {
  test("has at most four calls in flight over all workers, and holds up no other", async () => {
    await rig.endpoint("/slow");
    await rig.endpoint("/quick");
    for (let count = 0; count < 3; count++) await rig.emit(`resp_${count}`);
    const release = Promise.withResolvers<Answer>();
    let inFlight = 0;
    let most = 0;
    rig.receiver.answer = async ({ path }) => {
      if (path === "/quick") return { status: 204 };
      most = Math.max(most, ++inFlight);
      const answer = await release.promise;
      inFlight--;
      return answer;
    };
    const senders = [rig.sender(), rig.sender()];
    await senders[0]?.round();
    for (let count = 3; count < 100; count++) await rig.emit(`resp_${count}`);
    await eventually(async () => {
      await Promise.all(senders.map((sender) => sender.round()));
      expect(ids("/quick")).toHaveLength(100);
    });
    expect(inFlight).toBe(4);
    release.resolve({ status: 204 });
    await eventually(async () => {
      await Promise.all(senders.map((sender) => sender.round()));
      expect(ids("/slow")).toHaveLength(100);
    });
    await Promise.all(senders.map((sender) => sender.idle()));
    expect(most).toBe(4);
  });

  test("that never answers is given up after the time-out", async () => {
    const { id } = await rig.endpoint("/silent");
    await rig.emit();
    rig.receiver.answer = () => new Promise<Answer>(() => undefined);
    const sender = rig.sender({ timeoutMs: 200 });
    await sendAll(sender);
    expect((await rig.deliveries(id))[0]).toMatchObject({
      state: "pending",
      attempts: [{ attempt: 1, status_code: null, error: "timeout" }],
    });
  });

  test("of one key, and many of them, leave room for another key", async () => {
    const hold = new Promise<Answer>(() => undefined);
    rig.receiver.answer = ({ path }) => (path === "/other-key" ? { status: 204 } : hold);
    for (let count = 0; count < 10; count++) await rig.endpoint(`/slow-${count}`);
    for (let count = 0; count < 10; count++) await rig.emit(`resp_${count}`);
    const sender = rig.sender();
    await sender.round();
    const other = await rig.newCaller();
    await rig.endpoint("/other-key", other.client);
    await rig.pool.query("select emit_event($1, 'response.completed', 'resp_x', null)", [
      other.keyId,
    ]);
    await eventually(async () => {
      await sender.round();
      expect(ids("/other-key")).toHaveLength(1);
    });
    const { rows } = await rig.pool.query(
      "select from webhook_deliveries where state = 'sending' and key_id = $1",
      [rig.keyId],
    );
    expect(rows).toHaveLength(16);
    await sender.stop(0);
  });
});
