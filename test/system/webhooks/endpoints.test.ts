import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEndpoint } from "../../../shared/webhooks/create-endpoint.ts";
import { eventually } from "../../support/eventually.ts";
import { startWebhooks, type WebhookRig } from "./webhook-rig.ts";

let rig: WebhookRig;
beforeAll(async () => {
  rig = await startWebhooks();
});
afterAll(() => rig[Symbol.asyncDispose]());

const input = (path: string) => ({
  name: "n8n",
  url: rig.receiver.address + path,
  event_types: ["response.completed"],
});

test("create, read, update and delete through the SDK; the secret is shown once", async () => {
  const { client } = rig;
  const made = await rig.endpoint("/crud?signature=a%2Fb&x=1");
  expect(made).toMatchObject({
    object: "webhook_endpoint",
    name: "/crud?signature=a%2Fb&x=1",
    url: `${rig.receiver.address}/crud?signature=a%2Fb&x=1`,
    event_types: ["response.completed", "batch.completed"],
    enabled: true,
    disabled_at: null,
  });
  expect(made.id).toMatch(/^whe_\w{32}$/);
  expect(made.signing_secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(Math.abs(made.created_at - Date.now() / 1_000)).toBeLessThan(60);

  const { signing_secret: secret, ...shown } = made;
  const read = await client.webhooks.retrieve(made.id);
  expect(read).toEqual(shown);
  expect(read.signing_secret_hint?.endsWith(secret.slice(-4))).toBe(true);
  expect(JSON.stringify(await client.webhooks.list())).not.toContain(secret.slice(6));

  const unchanged = await client.webhooks.update(made.id, { name: made.name });
  expect(unchanged.updated_at).toBe(made.updated_at);
  const changed = await client.webhooks.update(made.id, {
    name: "other",
    event_types: ["batch.failed", "batch.failed"],
  });
  expect(changed).toMatchObject({ name: "other", event_types: ["batch.failed"], url: made.url });

  expect(await client.webhooks.delete(made.id)).toEqual({
    id: made.id,
    object: "webhook_endpoint.deleted",
    deleted: true,
  });
  await expect(client.webhooks.retrieve(made.id)).rejects.toThrow(OpenAI.NotFoundError);
});

test("the SDK pages through the endpoints, newest first", async () => {
  const { client } = await rig.newCaller();
  const ids = [];
  for (const path of ["/a", "/b", "/c", "/d", "/e"])
    ids.push((await rig.endpoint(path, client)).id);
  const listed = [];
  for await (const endpoint of client.webhooks.list({ limit: 2 })) listed.push(endpoint.id);
  expect(listed).toEqual(ids.toReversed());
});

test("the event types are those that the broker sends", async () => {
  const { data } = await rig.client.webhooks.eventTypes.list();
  expect(data).toContain("response.completed");
  expect(data).toContain("job.expired");
});

test("another key's endpoint is as unknown as none", async () => {
  const { id } = await rig.endpoint("/mine");
  const { client } = await rig.newCaller();
  const answers = await Promise.allSettled([
    client.webhooks.retrieve(id),
    client.webhooks.update(id, { name: "stolen" }),
    client.webhooks.rotateSecret(id),
    client.webhooks.test(id, { event_type: "batch.completed" }),
    client.webhooks.delete(id),
    client.get(`/webhook_endpoints/${id}/deliveries`),
    client.post(`/webhook_endpoints/${id}/replay`, { body: { since: 0 } }),
    client.post(`/webhook_endpoints/${id}/deliveries/whd_1/redeliver`),
  ]);
  for (const answer of answers)
    expect(answer).toMatchObject({ reason: { status: 404, code: "not_found" } });
  expect(await rig.look(id)).toMatchObject({ name: "/mine" });
});

test("a key has at most twenty endpoints, also while the last one is being made", async () => {
  const { client, keyId } = await rig.newCaller();
  await Promise.all(Array.from({ length: 19 }, (_, at) => rig.endpoint(`/many-${at}`, client)));
  const last = await rig.pool.connect();
  await last.query("begin");
  await createEndpoint(last, keyId, {
    name: "last",
    url: "https://x",
    event_types: ["job.failed"],
  });
  const oneMore = Promise.allSettled([rig.endpoint("/one-more", client)]);
  await eventually(async () => {
    const { rows } = await rig.pool.query(
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(rows).toHaveLength(1);
  });
  await last.query("commit");
  last.release();
  expect(await oneMore).toMatchObject([{ reason: { status: 400 } }]);
});

describe("what is refused names its field", () => {
  test.each([
    ["no body", undefined, "name"],
    ["a misspelt field", { name: "a", event_types: ["job.failed"], urll: "x" }, "url"],
    ["a name of the wrong type", { name: 7, url: "x", event_types: ["job.failed"] }, "name"],
    ["no event types", { name: "a", url: "http://x", event_types: [] }, "event_types"],
    ["a strange type", { name: "a", url: "x", event_types: ["job.*"] }, "event_types[0]"],
    [
      "an internal address",
      { name: "a", url: "http://10.0.0.1", event_types: ["job.failed"] },
      "url",
    ],
  ])("%s", async (_what, body, param) => {
    const { status, body: answer } = await rig.call("POST", "/webhook_endpoints", body);
    expect({ status, param: answer.error.param }).toEqual({ status: 400, param });
  });

  test("also an unknown field, and the address of an update", async () => {
    const unknown = await rig.call("POST", "/webhook_endpoints", {
      ...input("/"),
      retries: 3,
    });
    expect(unknown.body.error.param).toBe("retries");
    const { id } = await rig.endpoint("/update");
    const moved = await rig.call("POST", `/webhook_endpoints/${id}`, {
      url: "http://10.0.0.1/",
    });
    expect(moved.status).toBe(400);
    expect(moved.body.error.param).toBe("url");
  });

  test("a body far beyond what these need", async () => {
    const body = { ...input("/"), name: "x".repeat(70_000) };
    expect((await rig.call("POST", "/webhook_endpoints", body)).status).toBe(413);
  });

  test("limits and cursors that are none", async () => {
    for (const query of ["limit=0", "limit=101", "limit=x", "order=asc"])
      expect((await rig.call("GET", `/webhook_endpoints?${query}`)).status).toBe(400);
  });
});

const create = (path: string, idemKey: string, body: unknown = input(path)) =>
  rig.call("POST", "/webhook_endpoints", body, { "idempotency-key": idemKey });

describe("an Idempotency-Key", () => {
  test("a hundred creates side by side make one endpoint", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        create("/hundred", at % 2 === 0 ? "hundred" : '"hundred"'),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.signing_secret)).size).toBe(1);
    const replayed = answers.filter(({ headers }) => headers.get("idempotent-replayed") === "true");
    expect(replayed).toHaveLength(99);
    const { rows } = await rig.pool.query(
      "select from webhook_endpoints where url like '%/hundred'",
    );
    expect(rows).toHaveLength(1);
  });

  test("stands for one body", async () => {
    await create("/one-body", "one-body");
    const other = await create("/other-body", "one-body");
    expect(other.status).toBe(422);
    expect(other.headers.get("x-should-retry")).toBe("false");
  });

  test("is each path's and each key's own", async () => {
    const first = await create("/own", "own");
    const rotate = await rig.call(
      "POST",
      `/webhook_endpoints/${first.body.id}/rotate_secret`,
      input("/own"),
      { "idempotency-key": "own" },
    );
    expect(rotate.status).toBe(400);
    const other = await rig.newCaller();
    const theirs = await rig.call("POST", "/webhook_endpoints", input("/own"), {
      "idempotency-key": "own",
      authorization: `Bearer ${other.secret}`,
    });
    expect(theirs.status).toBe(200);
    expect(theirs.body.id).not.toBe(first.body.id);
  });

  test("rotates a secret once", async () => {
    const { id, signing_secret: old } = await rig.endpoint("/rotate-once");
    const rotate = () =>
      rig.call("POST", `/webhook_endpoints/${id}/rotate_secret`, undefined, {
        "idempotency-key": "rotate",
      });
    const [first, second] = [await rotate(), await rotate()];
    expect(first.body.signing_secret).not.toBe(old);
    expect(second.body.signing_secret).toBe(first.body.signing_secret);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
  });

  test("remembers no failure, and nothing for longer than a day", async () => {
    expect((await create("/", "failed", { ...input("/"), url: "http://10.0.0.1" })).status).toBe(
      400,
    );
    const made = await create("/after-failure", "failed");
    expect(made.status).toBe(200);
    await rig.pool.query(
      "update idempotency_keys set created_at = now() - interval '25 h' where idem_key = 'failed'",
    );
    const again = await create("/a-day-later", "failed");
    expect(again.status).toBe(200);
    expect(again.body.id).not.toBe(made.body.id);
  });

  test("that is none is refused", async () => {
    const { status, body } = await rig.call("POST", "/webhook_endpoints", input("/"), {
      "idempotency-key": "two words",
    });
    expect(status).toBe(400);
    expect(body.error.param).toBe("Idempotency-Key");
  });
});
