import { afterAll, beforeAll, expect, test } from "vitest";
import { createKeyAuth } from "../../../api/auth/key-auth.ts";
import { jobOf } from "../keys/broker-database.ts";
import { ADMIN_KEY, type AdminServer, startAdminServer } from "./admin-server.ts";

let server: AdminServer;
beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server[Symbol.asyncDispose]());

test("a key is made, read, listed, changed and revoked over HTTP", async () => {
  const made = await server.call("POST", "/admin/keys", {
    body: { name: "app", models: ["chat-small"], budget: { limit_usd: 0.5, period: "week" } },
  });
  expect(made.status).toBe(201);
  const { key: secret, ...view } = made.body;
  expect(secret).toMatch(/^sk-/);
  expect(view).toMatchObject({
    object: "key",
    name: "app",
    budget: { limit_usd: "0.5", period: "week", settled_usd: "0", held_usd: "0" },
  });

  const path = `/admin/keys/${view.id}`;
  expect(await server.call("GET", path)).toEqual({ status: 200, body: view });
  expect((await server.call("GET", "/admin/keys?limit=1")).body.data).toEqual([view]);

  const changed = await server.call("PATCH", path, { body: { budget: { limit_usd: "0.75" } } });
  expect(changed.body["budget"]).toMatchObject({ limit_usd: "0.75", period: "week" });

  const deleted = { status: 200, body: { id: view.id, object: "key", deleted: true } };
  expect(await server.call("DELETE", path)).toEqual(deleted);
  expect(await server.call("DELETE", path)).toEqual(deleted);
  expect((await server.call("GET", path)).body["revoked_at"]).not.toBeNull();
});

test("the caller of a revoked key's waiting job is told", async () => {
  const { body } = await server.call("POST", "/admin/keys", { body: { name: "app" } });
  const job = jobOf(body.id, 0n);
  const inbox = server.hub.open(job.id);
  await server.database.accept.submit(job);
  await server.call("DELETE", `/admin/keys/${body.id}`);
  expect(await inbox.next()).toMatchObject({
    type: "end",
    state: "cancelled",
    error: { code: "invalid_api_key" },
  });
});

test("only the admin key opens /admin, and only as a bearer token", async () => {
  const { key: secret } = (await server.call("POST", "/admin/keys", { body: { name: "app" } }))
    .body;
  const routes = [
    ["GET", "/admin/keys"],
    ["POST", "/admin/keys"],
    ["GET", "/admin/keys/x"],
    ["PATCH", "/admin/keys/x"],
    ["DELETE", "/admin/keys/x"],
    ["GET", "/admin/ledger"],
    ["GET", "/admin/usage"],
    ["GET", "/admin/providers"],
    ["GET", `/admin/keys?api_key=${ADMIN_KEY}&key=${ADMIN_KEY}`],
  ] as const;
  const wrong = ["", `Bearer ${secret}`, `Bearer ${ADMIN_KEY}x`, `Basic ${ADMIN_KEY}`, ADMIN_KEY];
  for (const [method, path] of routes)
    for (const authorization of wrong) {
      const answer = await server.call(method, path, { authorization });
      expect(answer.status).toBe(401);
      expect(answer.body.error.code).toBe("invalid_api_key");
    }
  // Routes outside /admin need no admin key.
  expect((await fetch(`${server.address}/open`)).status).toBe(200);
});

test("the admin key is no caller's key", async () => {
  const auth = createKeyAuth({ pool: server.database.pool });
  await expect(auth.authenticate(`Bearer ${ADMIN_KEY}`)).rejects.toMatchObject({
    code: "invalid_api_key",
  });
});

test.each([
  ["POST", "/admin/keys", { name: "n", id: "key_mine" }, "id"],
  [
    "POST",
    "/admin/keys",
    { name: "n", budget: { limit_usd: -1, period: "day" } },
    "budget.limit_usd",
  ],
  ["POST", "/admin/keys", { name: "a\u0000" }, "name"],
  ["POST", "/admin/keys", [], null],
  ["POST", "/admin/keys", undefined, null],
  ["PATCH", "/admin/keys/any", {}, null],
  ["PATCH", "/admin/keys/any", { hint: "abcd" }, "hint"],
  ["GET", "/admin/keys?limit=0", undefined, "limit"],
  ["GET", "/admin/keys?limit=1001", undefined, "limit"],
  ["GET", "/admin/keys?limit=1e2", undefined, "limit"],
  ["GET", "/admin/keys?limit=1&limit=2", undefined, "limit"],
  ["GET", "/admin/keys?after=%00", undefined, "after"],
  ["GET", "/admin/keys?order=asc", undefined, "order"],
  ["GET", "/admin/ledger?after=-1", undefined, "after"],
  ["GET", "/admin/ledger?after=9999999999999999999", undefined, "after"],
  ["GET", "/admin/ledger?limit=ten", undefined, "limit"],
  ["GET", "/admin/ledger?job_id=a%27%20or%201=1", undefined, "job_id"],
  ["GET", "/admin/ledger?key_id=", undefined, "key_id"],
  ["GET", "/admin/usage?group_by=hash", undefined, "group_by"],
  ["GET", "/admin/usage?from=yesterday", undefined, "from"],
  ["GET", "/admin/usage?to=2030-13-01", undefined, "to"],
  ["GET", "/admin/usage?from=2030-01-02&to=2030-01-01", undefined, "to"],
])("%s %s with %j is a 400 that names the field", async (method, path, body, param) => {
  const answer = await server.call(method, path, { body });
  expect(answer.status).toBe(400);
  expect(answer.body.error).toMatchObject({ code: "invalid_request", param });
});

test.each(["key_nobody", "%00", "a%2Fb", "'", "x".repeat(90)])(
  "no key has the id %s: 404 for every method",
  async (id) => {
    for (const [method, body] of [
      ["GET", undefined],
      ["PATCH", { name: "n" }],
      ["DELETE", undefined],
    ] as const) {
      const answer = await server.call(method, `/admin/keys/${id}`, { body });
      expect([answer.status, answer.body.error.code]).toEqual([404, "not_found"]);
    }
  },
);
