import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { expectUntouched } from "./budget-view.ts";

const ADMIN = { authorization: "Bearer sk-admin-test" };

let broker: TestBroker;
let key: { key: string; id: string };
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, price: { input: 1, output: 1 } } },
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
  key = await broker.key({ budget: { limit_usd: 1_000, period: "day" } });
});
afterAll(() => broker.stop());
afterEach(() => expectUntouched(broker));

interface Answer {
  readonly status: number;
  readonly error: { readonly code: string; readonly param: string | null };
}

async function ask(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(`${broker.url}${path}`, init);
  const { error } = (await response.json()) as Pick<Answer, "error">;
  return { status: response.status, error };
}

const auth = (): Record<string, string> => ({ authorization: `Bearer ${key.key}` });

const chat = { model: "chat", messages: [{ role: "user", content: "Hi" }] };

function post(headers: Record<string, string>, body: object = chat): Promise<Answer> {
  return ask("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

function admin(method: string, path: string, body?: string): Promise<Answer> {
  return ask(`/admin${path}`, {
    method,
    headers: { ...ADMIN, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body }),
  });
}

function budget(limit: string): string {
  return `{"name":"x","budget":{"limit_usd":${limit},"period":"day"}}`;
}

describe("headers", () => {
  test.each(["abc", "-1", "0", "1.5", "1e3", "", "99999999999", "0x10", "\u00e4"])(
    "x-spillway-deadline-ms: '%s'",
    async (value) => {
      const { status, error } = await post({ ...auth(), "x-spillway-deadline-ms": value });
      expect(status).toBe(400);
      expect(error.param).toBe("x-spillway-deadline-ms");
    },
  );

  test.each(["mars", "Local", "", "local,any", "null"])(
    "x-spillway-residency: '%s'",
    async (value) => {
      const { status, error } = await post({ ...auth(), "x-spillway-residency": value });
      expect(status).toBe(400);
      expect(error.param).toBe("x-spillway-residency");
    },
  );

  test.each([
    "",
    "Bearer",
    "Bearer ",
    "Basic abc",
    "Bearer a b",
    "sk-x",
    `Bearer ${"x".repeat(9_000)}`,
  ])("authorization: '%s'", async (authorization) => {
    const { status, error } = await post({ authorization });
    expect(status).toBe(401);
    expect(error.code).toBe("invalid_api_key");
  });

  test("media whose cost nobody can bound are refused on a key with a budget", async () => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
    const { status, error } = await post(auth(), {
      ...chat,
      messages: [{ role: "user", content: [image] }],
    });
    expect(status).toBe(400);
    expect(error.param).toBe("messages");
  });
});

describe("paths and methods", () => {
  test.each<[string, string, number]>([
    ["GET", "/v1/completions", 405],
    ["DELETE", "/v1/models", 405],
    ["POST", "/v1/chat/completion", 404],
    ["GET", "/v1/models/%zz", 400],
    ["GET", "/v1/models/__proto__", 404],
    ["GET", "/v1/models/%00", 404],
    ["GET", `/v1/models/${"x".repeat(600)}`, 404],
    ["GET", "/v1/../etc/passwd", 404],
    ["GET", "/nothing", 404],
  ])("%s %s", async (method, path, status) => {
    const answer = await ask(path, { method, headers: { authorization: `Bearer ${key.key}` } });
    expect(answer.status).toBe(status);
    expect(answer.error.code).toEqual(expect.any(String));
  });
});

describe("what is no HTTP", () => {
  test.each<[string, string, number]>([
    ["a word", "hello\r\n\r\n", 400],
    ["a TLS hello", "\u0016\u0003\u0001\u0002\0\u0001\0", 400],
    ["huge headers", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(40_000)}\r\n\r\n`, 431],
    [
      "two lengths",
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
      400,
    ],
    ["a negative length", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400],
  ])("%s", async (_name, bytes, status) => {
    const socket = connect(Number(new URL(broker.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write(Buffer.from(bytes, "latin1"));
    const [head = "", body = ""] = (await text(socket)).split("\r\n\r\n");
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(body)).toMatchObject({ error: { type: "invalid_request_error" } });
  });
});

describe("admin", () => {
  test.each<[string, string | null]>([
    ["", null],
    ["{", null],
    ["[]", null],
    ["null", null],
    ["[".repeat(100_000), null],
    ["{}", "name"],
    ['{"name":1}', "name"],
    ['{"name":""}', "name"],
    [String.raw`{"name":"a\u0000b"}`, "name"],
    [`{"name":"${"x".repeat(300)}"}`, "name"],
    ['{"name":"x","colour":"red"}', "colour"],
    ['{"name":"x","__proto__":{}}', "__proto__"],
    ['{"name":"x","models":[]}', "models"],
    ['{"name":"x","models":["a",1]}', "models[1]"],
    ['{"name":"x","residency":"mars"}', "residency"],
    ['{"name":"x","max_service_tier":"batch"}', "max_service_tier"],
    ['{"name":"x","expires_at":"yesterday"}', "expires_at"],
    ['{"name":"x","expires_at":"2001-01-01T00:00:00Z"}', "expires_at"],
    ['{"name":"x","budget":5}', "budget"],
    ['{"name":"x","budget":{"limit_usd":1}}', "budget.period"],
    ['{"name":"x","budget":{"limit_usd":1,"period":"hour"}}', "budget.period"],
    [budget("-1"), "budget.limit_usd"],
    [budget("1e999"), "budget.limit_usd"],
    [budget("1e30"), "budget.limit_usd"],
    [budget("0.0000000001"), "budget.limit_usd"],
    [budget('"abc"'), "budget.limit_usd"],
    [budget('"1e3"'), "budget.limit_usd"],
    [budget('""'), "budget.limit_usd"],
    [budget('"9223372036854775807"'), "budget.limit_usd"],
    [budget("null"), "budget.limit_usd"],
  ])("POST /admin/keys %s", async (body, param) => {
    const { status, error } = await admin("POST", "/keys", body);
    expect(status).toBe(400);
    expect(error.param).toBe(param);
  });

  test.each<[string, string, string | undefined, number]>([
    ["PATCH", "/keys/:id", "{}", 400],
    ["PATCH", "/keys/:id", '{"budget":{}}', 400],
    ["PATCH", "/keys/:id", '{"budget":{"limit_usd":-1}}', 400],
    ["PATCH", "/keys/key_absent", '{"name":"x"}', 404],
    ["PATCH", "/keys/%00", '{"name":"x"}', 404],
    ["GET", "/keys/'; drop table keys --", undefined, 404],
    ["DELETE", "/keys/key_absent", undefined, 404],
    ["GET", "/keys?limit=0", undefined, 400],
    ["GET", "/keys?limit=1&limit=2", undefined, 400],
    ["GET", "/ledger?limit=-1", undefined, 400],
    ["GET", "/ledger?limit=1e999", undefined, 400],
    ["GET", "/ledger?after=abc", undefined, 400],
    ["GET", "/ledger?after=99999999999999999999", undefined, 400],
    ["GET", "/ledger?job_id=%00", undefined, 400],
    ["GET", "/ledger?key_id=%ff", undefined, 400],
    ["GET", "/ledger?moon=1", undefined, 400],
    ["GET", "/usage?group_by=moon", undefined, 400],
    ["PUT", "/keys", "{}", 405],
    ["GET", "/absent", undefined, 404],
  ])("%s /admin%s %s", async (method, path, body, status) => {
    expect((await admin(method, path.replace(":id", key.id), body)).status).toBe(status);
  });

  test("an API key, no key, and half of the admin key are 401", async () => {
    for (const authorization of [`Bearer ${key.key}`, "", "Bearer sk-admin"]) {
      const { status } = await ask("/admin/keys", { headers: { authorization } });
      expect({ authorization: authorization.slice(0, 9), status }).toMatchObject({ status: 401 });
    }
  });
});
