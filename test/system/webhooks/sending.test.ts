import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Webhook } from "standardwebhooks";
import { every } from "../../../shared/timing/every.ts";
import type { WebhookSender } from "../../../workers/webhooks/webhook-sender.ts";
import type { Received } from "./receiver.ts";
import { sendAll, startWebhooks, type WebhookRig } from "./webhook-rig.ts";

const HOUR = 3_600_000;
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

describe("an event", () => {
  test("goes to each endpoint that listens to its type, thin, signed, under one id", async () => {
    const first = await rig.endpoint("/first");
    const second = await rig.endpoint("/second");
    await rig.client.webhooks.update(second.id, { event_types: ["batch.completed"] });
    const third = await rig.endpoint("/third");
    const id = await rig.emit("resp_thin");
    await send();
    expect(at("/second")).toEqual([]);
    const [one, other] = [at("/first")[0], at("/third")[0]];
    expect(one?.body).toBe(other?.body);
    expect(JSON.parse(one?.body ?? "")).toEqual({
      id,
      object: "event",
      type: "response.completed",
      created_at: expect.any(Number) as number,
      data: { id: "resp_thin" },
    });
    expect(one?.headers).toMatchObject({
      "content-type": "application/json",
      "user-agent": "spillway-webhooks",
      "webhook-id": id,
    });
    for (const [request, secret] of [
      [one, first.signing_secret],
      [other, third.signing_secret],
    ] as const) {
      const event = await rig.client.webhooks.unwrap(
        request?.body ?? "",
        request?.headers ?? {},
        secret,
      );
      expect(event).toMatchObject({ type: "response.completed", data: { id: "resp_thin" } });
    }
    await expect(
      rig.client.webhooks.unwrap(
        one?.body ?? "",
        one?.headers as Record<string, string>,
        third.signing_secret,
      ),
    ).rejects.toThrow("signature");
    const [delivery] = await rig.deliveries(first.id);
    expect(delivery).toMatchObject({
      object: "webhook_delivery",
      webhook_endpoint_id: first.id,
      state: "delivered",
      event: { id, type: "response.completed", data: { id: "resp_thin" } },
      next_attempt_at: null,
      attempts: [{ attempt: 1, status_code: 204, error: null }],
    });
  });

  test("that nobody listens to leaves no row", async () => {
    await rig.endpoint("/deaf");
    expect(await rig.emit("job_1", "job.failed")).toBeNull();
    expect(await rig.emit("resp_1", "response.completed")).not.toBeNull();
    const { rows } = await rig.pool.query("select from webhook_events where object_id = 'job_1'");
    expect(rows).toEqual([]);
  });

  test("goes to the address that the request named, signed with the key's secret", async () => {
    const { rows } = await rig.pool.query<{ secret: string }>(
      "update keys set webhook_secret = 'whsec_' || encode(sha256('x'), 'base64') where id = $1 returning webhook_secret as secret",
      [rig.keyId],
    );
    const path = "/webhook-waiting/17?signature=a%2Fb%3D&x=+";
    const id = await rig.emit("job_direct", "job.completed", rig.receiver.address + path);
    await send();
    const [request] = at(path);
    expect(request?.headers["webhook-id"]).toBe(id);
    new Webhook(rows[0]?.secret ?? "").verify(
      request?.body ?? "",
      request?.headers as Record<string, string>,
    );
  });

  test("to such an address is not sent unsigned: without a secret it is cancelled", async () => {
    await rig.pool.query("update keys set webhook_secret = null where id = $1", [rig.keyId]);
    await rig.emit("job_unsigned", "job.completed", `${rig.receiver.address}/unsigned`);
    await send();
    expect(at("/unsigned")).toEqual([]);
    const { rows } = await rig.pool.query("select state from webhook_deliveries");
    expect(rows).toEqual([{ state: "cancelled" }]);
  });
});

describe("during a rotation", () => {
  test.each([true, false])("the old secret verifies for a day: %s", async (keep) => {
    const path = `/rotated-${String(keep)}`;
    const { id, signing_secret: old } = await rig.endpoint(path);
    const { signing_secret: fresh } = await rig.client.webhooks.rotateSecret(id, {
      keep_old_secret_active_for_24_hours: keep,
    });
    await rig.emit();
    await send();
    rig.advance(25 * HOUR);
    await rig.emit();
    await send();
    const [during, after] = at(path);
    const accepts = async (request: Received | undefined, secret: string): Promise<boolean> =>
      rig.client.webhooks
        .unwrap(request?.body ?? "", request?.headers as Record<string, string>, secret, 1e9)
        .then(
          () => true,
          () => false,
        );
    expect(await accepts(during, fresh)).toBe(true);
    expect(await accepts(during, old)).toBe(keep);
    expect(await accepts(after, fresh)).toBe(true);
    expect(await accepts(after, old)).toBe(false);
  });
});

describe("by hand", () => {
  test("a delivery is sent again under the same id, once for an Idempotency-Key", async () => {
    const { id } = await rig.endpoint("/by-hand");
    await rig.emit();
    await send();
    const [delivery] = await rig.deliveries(id);
    const path = `/webhook_endpoints/${id}/deliveries/${delivery?.id}/redeliver`;
    for (const _ of [1, 2]) {
      const again = await rig.call("POST", path, undefined, { "idempotency-key": "again" });
      expect(again.body).toMatchObject({ id: delivery?.id, state: "pending" });
      await send();
    }
    const requests = at("/by-hand");
    expect(requests).toHaveLength(2);
    expect(requests[1]?.headers["webhook-id"]).toBe(requests[0]?.headers["webhook-id"]);
    expect((await rig.deliveries(id))[0]?.attempts.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test("only through its own endpoint", async () => {
    const { id } = await rig.endpoint("/own");
    const other = await rig.newCaller();
    const { id: otherId } = await rig.endpoint("/others", other.client);
    await rig.emit();
    await send();
    const [delivery] = await rig.deliveries(id);
    await expect(
      other.client.post(`/webhook_endpoints/${otherId}/deliveries/${delivery?.id}/redeliver`),
    ).rejects.toMatchObject({ status: 404 });
    await send();
    expect(at("/own")).toHaveLength(1);
  });

  test.each([
    ["deleted", "delete from webhook_endpoints"],
    [
      "disabled",
      "update webhook_endpoints set enabled = false, disabled_at = now(), disabled_reason = 'owner'",
    ],
  ])("an event that was written while its endpoint was %s is not sent", async (what, sql) => {
    await rig.endpoint(`/meanwhile-${what}`);
    await rig.emit();
    await rig.pool.query(sql);
    await send();
    expect(at(`/meanwhile-${what}`)).toEqual([]);
    const { rows } = await rig.pool.query("select state from webhook_deliveries");
    expect(rows).toEqual([{ state: "cancelled" }]);
  });

  test("the deliveries of a deleted endpoint end", async () => {
    rig.receiver.answer = () => ({ status: 500 });
    const { id } = await rig.endpoint("/deleted");
    await rig.emit();
    await send();
    await rig.client.webhooks.delete(id);
    rig.advance(DAY);
    await send();
    expect(at("/deleted")).toHaveLength(1);
    const { rows } = await rig.pool.query("select state from webhook_deliveries");
    expect(rows).toEqual([{ state: "cancelled" }]);
  });
});

/** Sends a test event while a worker makes its rounds. */
async function run(id: string) {
  const rounds = every(20, send, () => undefined);
  try {
    return await rig.client.webhooks.test(id, { event_type: "batch.failed" });
  } finally {
    await rounds.stop();
  }
}

describe("a test", () => {
  test("sends one sample and tells the status, good or bad", async () => {
    const { id } = await rig.endpoint("/tested");
    expect(await run(id)).toEqual({
      object: "webhook_endpoint.test",
      webhook_endpoint_id: id,
      event_type: "batch.failed",
      status_code: 204,
      success: true,
    });
    expect(JSON.parse(at("/tested")[0]?.body ?? "")).toMatchObject({
      type: "batch.failed",
      data: { id: "batch_sample" },
    });
    rig.receiver.answer = () => ({ status: 410 });
    expect((await run(id)).status_code).toBe(410);
    rig.advance(DAY);
    await send();
    expect(at("/tested")).toHaveLength(2);
    // A test event changes nothing at the endpoint, and is not a delivery.
    expect(await rig.look(id)).toMatchObject({ enabled: true });
    expect(await rig.deliveries(id)).toEqual([]);
  });

  test("of an address that nobody serves is an error that names the url", async () => {
    const { id } = await rig.client.webhooks.create({
      name: "closed",
      url: "http://127.0.0.1:1/",
      event_types: ["batch.failed"],
    });
    await expect(run(id)).rejects.toMatchObject({ status: 400, param: "url" });
  });
});

test("old events go with all that belongs to them; those that are waited for stay", async () => {
  await rig.endpoint("/old");
  await rig.emit("resp_old");
  await send();
  rig.receiver.answer = () => ({ status: 500 });
  await rig.emit("resp_waits");
  await send();
  await rig.pool.query("update webhook_events set created_at = now() - interval '31 days'");
  await rig.emit("resp_young");
  await send();
  const forget = async () =>
    (await rig.pool.query("select forget_old_webhooks('30 days', 1000) as n")).rows;
  await forget();
  const { rows } = await rig.pool.query(
    "select object_id from webhook_events join webhook_deliveries d on d.event_id = webhook_events.id order by 1",
  );
  expect(rows.map((row: { object_id: string }) => row.object_id)).toEqual([
    "resp_waits",
    "resp_young",
  ]);
  expect(await forget()).toEqual([{ n: 0 }]);
});
