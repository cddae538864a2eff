import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WebhookSender } from "../../../workers/webhooks/webhook-sender.ts";
import type { Received } from "./receiver.ts";
import { sendAll, startWebhooks, type WebhookRig } from "./webhook-rig.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let rig: WebhookRig;
let sender: WebhookSender;
beforeAll(async () => {
  rig = await startWebhooks();
  sender = rig.sender();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.reset());

const at = (path: string): Received[] => rig.receiver.at(path);
const send = (): Promise<void> => sendAll(sender);

describe("an endpoint that fails", () => {
  test("is tried ten times over three days, with the same bytes and fresh signatures", async () => {
    rig.receiver.answer = () => ({ status: 500 });
    const { id, signing_secret: secret } = await rig.endpoint("/failing");
    await rig.emit();
    await send();
    const pauses = [5_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR];
    for (const [index, pauseMs] of [...pauses, 20 * HOUR, 24 * HOUR].entries()) {
      rig.advance(pauseMs - 2_000);
      await send();
      expect(at("/failing")).toHaveLength(index + 1);
      rig.advance(2_000);
      await send();
      expect(at("/failing")).toHaveLength(index + 2);
    }
    const [delivery] = await rig.deliveries(id);
    expect(delivery?.state).toBe("dead");
    expect(delivery?.attempts).toHaveLength(10);
    expect(delivery?.attempts[9]).toMatchObject({ attempt: 10, status_code: 500 });
    const requests = at("/failing");
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    expect(new Set(requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(requests.map(({ headers }) => headers["webhook-signature"])).size).toBe(10);
    for (const { body, headers } of requests)
      await rig.client.webhooks.unwrap(body, headers, secret, 1e9);
    rig.advance(10 * DAY);
    await send();
    expect(at("/failing")).toHaveLength(10);
  });

  test.each([429, 502, 503, 504])("%s with retry-after is left alone as long", async (status) => {
    const path = `/busy-${status}`;
    rig.receiver.answer = () => ({ status, headers: { "retry-after": "600" } });
    await rig.endpoint(path);
    await rig.emit();
    await send();
    rig.advance(9 * MINUTE);
    await send();
    expect(at(path)).toHaveLength(1);
    rig.receiver.answer = () => ({ status: 200 });
    rig.advance(MINUTE);
    await send();
    expect(at(path)).toHaveLength(2);
  });

  test("a redirect is a failure and never followed", async () => {
    rig.receiver.answer = () => ({ status: 307, headers: { location: "/target" } });
    const { id } = await rig.endpoint("/redirecting");
    await rig.emit();
    await send();
    expect(at("/target")).toEqual([]);
    const [delivery] = await rig.deliveries(id);
    expect(delivery).toMatchObject({
      state: "pending",
      attempts: [{ status_code: 307, error: "redirect_not_followed" }],
    });
  });

  test("410 disables it: what waits is cancelled, and replayed once it is enabled", async () => {
    rig.receiver.answer = () => ({ status: 500 });
    const { id } = await rig.endpoint("/gone");
    await rig.emit("resp_waiting");
    await send();
    rig.receiver.answer = () => ({ status: 410 });
    await rig.emit("resp_gone");
    await send();
    expect(await rig.look(id)).toMatchObject({ enabled: false, disabled_reason: "gone" });
    expect(rig.alarms).toEqual([{ endpoint: id, reason: "gone" }]);
    const states = (await rig.deliveries(id)).map(({ state }) => state);
    expect(states.toSorted()).toEqual(["cancelled", "dead"]);
    expect(await rig.emit("resp_missed")).toBeNull();

    const refused = await rig.replay(id, { since: 0 });
    expect([refused.status, refused.body.error.param]).toEqual([400, "enabled"]);
    await rig.call("POST", `/webhook_endpoints/${id}`, { enabled: true });
    rig.receiver.answer = () => ({ status: 204 });
    expect((await rig.replay(id, { since: 0 })).body).toMatchObject({ replayed: 2 });
    await send();
    expect((await rig.deliveries(id)).map(({ state }) => state)).toEqual([
      "delivered",
      "delivered",
    ]);
  });

  test("for five days without a success is disabled with an alarm", async () => {
    rig.receiver.answer = () => ({ status: 503 });
    const { id } = await rig.endpoint("/five-days");
    const fail = async (): Promise<void> => {
      await rig.emit();
      await send();
    };
    await fail();
    rig.advance(4.9 * DAY);
    await fail();
    expect(rig.alarms).toEqual([]);
    rig.receiver.answer = () => ({ status: 200 });
    await fail();
    rig.receiver.answer = () => ({ status: 503 });
    await fail();
    rig.advance(4.9 * DAY);
    await fail();
    expect(await rig.look(id)).toMatchObject({ enabled: true });
    rig.advance(0.2 * DAY);
    await fail();
    expect(await rig.look(id)).toMatchObject({ enabled: false, disabled_reason: "failing" });
    expect(rig.alarms).toEqual([{ endpoint: id, reason: "failing" }]);
  });

  test("dead deliveries of a span of time are replayed; others are not", async () => {
    rig.receiver.answer = () => ({ status: 500 });
    const { id } = await rig.endpoint("/replayed");
    for (const object of ["resp_old", "resp_in", "resp_new"]) await rig.emit(object);
    await rig.pool.query(`
      update webhook_deliveries set state = 'dead';
      update webhook_events set created_at = case object_id
        when 'resp_old' then to_timestamp(1000) when 'resp_in' then to_timestamp(2000)
        else to_timestamp(3000) end`);
    rig.receiver.answer = () => ({ status: 204 });
    expect((await rig.replay(id, { since: 2_000, until: 3_000 })).body).toMatchObject({
      object: "webhook_endpoint.replay",
      webhook_endpoint_id: id,
      replayed: 1,
      has_more: false,
    });
    await send();
    const [request] = at("/replayed");
    expect(JSON.parse(request?.body ?? "")).toMatchObject({ data: { id: "resp_in" } });
    expect((await rig.replay(id, { since: "yesterday" })).body.error.param).toBe("since");
  });
});
