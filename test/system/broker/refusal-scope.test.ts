import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, contentOf, errorOf } from "./ask.ts";
import { expectAtRest, richKey, rowsOf } from "./fault-rig.ts";
import { startMoodyUpstream, type MoodyUpstream } from "./moody-upstream.ts";
import { withoutRescue } from "./without-rescue.ts";

const FIRST_BYTE_MS = 1_000;

let first: MoodyUpstream;
let second: MoodyUpstream;
let broker: TestBroker;
let key: string;
beforeAll(async () => {
  [first, second] = await Promise.all([startMoodyUpstream(), startMoodyUpstream()]);
  const yaml = `timeouts: { first_byte: ${FIRST_BYTE_MS}ms, idle: 60s }`;
  broker = await startTestBroker({
    providers: {
      first: { baseUrl: first.url, brokerSlots: 3, price: { input: 1, output: 1 }, yaml },
      patient: {
        baseUrl: first.url,
        brokerSlots: 3,
        yaml: "timeouts: { first_byte: 1h, idle: 1h }",
      },
      second: { baseUrl: second.url, brokerSlots: 3, location: "cloud" },
    },
    cadences: withoutRescue,
    models: [
      "  chat: { serve: [{ provider: first, model: m }] }",
      "  wide: { serve: [{ provider: first, model: m }], overflow: [{ provider: second, model: m }] }",
      "  slow: { serve: [{ provider: patient, model: m }], overflow: [{ provider: second, model: m }] }",
    ].join("\n"),
  });
  key = await richKey(broker);
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([first.close(), second.close()]);
});
beforeEach(() => {
  first.setHealth(200);
  first.setMood(null);
  second.setMood(null);
});

const page = "<html><h1>nginx</h1></html>";

test.each([
  { status: 403, message: "flagged by moderation: violence", answer: 400, elsewhere: 0 },
  { status: 402, message: "credits suffice for 12 max_tokens", answer: 400, elsewhere: 1 },
  { status: 403, message: "key k has no access to model m", answer: 502, elsewhere: 1 },
  { status: 429, message: "Request too large for m", answer: 400, elsewhere: 1 },
  { status: 500, message: "invalid JSON schema in format", answer: 400, elsewhere: 0 },
  { status: 500, message: "image input is not supported", answer: 400, elsewhere: 1 },
])(
  "$status «$message» is $answer for that request, and others are served",
  async ({ status, message, answer, elsewhere }) => {
    first.setMood({ status, body: { error: { message } } }, "Naughty");
    second.setMood({ status, body: { error: { message } } }, "Naughty");
    const before = second.calls;
    const refused = await ask(broker, { key, model: "wide", content: "Naughty" });
    expect(refused.status).toBe(answer);
    expect(second.calls - before).toBe(elsewhere);
    if (answer === 400) expect(errorOf(refused)).toMatchObject({ message });
    expect(refused.headers.get("x-should-retry")).toBe("false");
    // No provider rests because of it, so the others do not wait for the end of a rest.
    const { data } = await broker.admin<{ data: { healthy: boolean }[] }>(
      "GET",
      "/admin/providers",
    );
    expect(data.map(({ healthy }) => healthy)).toEqual([true, true, true]);
    const other = await ask(broker, { key: await richKey(broker) });
    expect(contentOf(other)).toBe("Blue herons wade.");
    await expectAtRest(broker);
  },
);

test.each([
  { status: 413, answer: 413 },
  { status: 405, answer: 502 },
  { status: 400, answer: 400 },
])("a proxy's $status page asks the other target first, then is $answer", async (row) => {
  first.setMood({ status: row.status, body: page });
  const moved = await ask(broker, { key, model: "wide" });
  expect(contentOf(moved)).toBe("Blue herons wade.");
  expect(moved.headers.get("x-spillway-provider")).toBe("second");
  expect((await ask(broker, { key })).status).toBe(row.answer);
});

test("a refused credential is told at once, and serves again as soon as it is mended", async () => {
  first.setHealth(401);
  first.setMood({ status: 401, body: { error: "Unauthorized" } });
  // Jobs without a waiting caller must still get their results, since the key is repaired before
  // their deadlines.
  const accepted = await Promise.all(
    Array.from({ length: 4 }, () => ask(broker, { key, headers: { prefer: "respond-async" } })),
  );
  const ids = accepted.map(({ headers }) => headers.get("x-spillway-job-id"));
  for (let number = 0; number < 3; number += 1) {
    const answer = await ask(broker, { key });
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([502, "false"]);
  }
  // On a busy machine some calls of the accepted jobs are still to be refused.
  await eventually(async () => {
    const { rows } = await broker.database.pool.query("select from jobs where state = 'running'");
    expect(rows).toEqual([]);
    const { data } = await broker.admin<{ data: unknown[] }>("GET", "/admin/providers");
    expect(data).toContainEqual(expect.objectContaining({ name: "first", healthy: false }));
  });
  // From then on nobody is called, and nobody waits for the end of the rest.
  const told = await ask(broker, { key });
  expect(told.status).toBe(502);
  expect(await rowsOf(broker, told.headers.get("x-spillway-job-id"))).toEqual([]);
  const { refused } = first;
  // The model list also refuses the credential; the prober sees this after two seconds.
  await new Promise((resolve) => setTimeout(resolve, 2_600));
  first.setHealth(200);
  first.setMood(null);
  await eventually(async () => expect((await ask(broker, { key })).status).toBe(200));
  const patient = await eventually(async () => {
    const { rows } = await broker.database.pool.query<{ state: string; tries: number }>(
      "select state, tries from jobs where id = any ($1)",
      [ids],
    );
    expect(rows.filter(({ state }) => state === "done")).toHaveLength(ids.length);
    return rows;
  }, 40_000);
  expect(patient.map(({ tries }) => tries)).toEqual(ids.map(() => 1));
  // No call was refused after the first ones.
  expect(first.refused).toBe(refused);
});

test("a hung engine rests after three jobs, and then gets one call at a time", async () => {
  first.setMood("hang");
  const before = first.calls;
  const startedAt = performance.now();
  const asked = Array.from({ length: 9 }, () =>
    ask(broker, { key, headers: { prefer: "respond-async" } }),
  );
  const ids = (await Promise.all(asked)).map(({ headers }) => headers.get("x-spillway-job-id"));
  await eventually(async () => {
    const { data } = await broker.admin<{ data: unknown[] }>("GET", "/admin/providers");
    expect(data).toContainEqual(expect.objectContaining({ name: "first", healthy: false }));
  });
  // After three calls side by side, each further one begins when the one before it has timed out.
  const timeouts = Math.floor((performance.now() - startedAt) / FIRST_BYTE_MS);
  expect(first.calls - before).toBeLessThanOrEqual(3 + timeouts);
  first.setMood(null);
  await eventually(async () => {
    const rows = await Promise.all(ids.map((id) => rowsOf(broker, id)));
    expect(rows.every((own) => own.at(-1)?.status === "ok")).toBe(true);
  });
  await expectAtRest(broker);
});

test("a silent call is cut and moved when its provider refuses connections", async () => {
  first.setMood("silent");
  const answer = ask(broker, { key, model: "slow", stream: true });
  await eventually(() => expect(first.open).toBe(1));
  await first.stopListening();
  expect(contentOf(await answer)).toBe("Blue herons wade.");
  expect((await answer).headers.get("x-spillway-provider")).toBe("second");
  await first.down();
  await first.back();
});
