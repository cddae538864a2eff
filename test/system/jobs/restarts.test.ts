import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startAllInOne, type AllInOne } from "../../../cli/processes/all-in-one.ts";
import { parseConfig } from "../../../config/load-config.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { chatBody, eventsOf, type JobView, type SentEvent } from "./jobs-rig.ts";
import { startPlayedUpstream, type PlayedUpstream } from "./played-upstream.ts";

let played: PlayedUpstream;
let database: TestDatabase;
let broker: AllInOne;
let key: string;
beforeAll(async () => {
  played = await startPlayedUpstream();
  database = await createTestDatabase();
  broker = await start();
  const answer = await fetch(`${broker.api.url}/admin/keys`, {
    method: "POST",
    headers: { authorization: "Bearer sk-admin-test", "content-type": "application/json" },
    body: JSON.stringify({ name: "test" }),
  });
  ({ key } = (await answer.json()) as { key: string });
});
afterAll(async () => {
  await broker.stop(0);
  await database.drop();
  await played.close();
});

function start(): Promise<AllInOne> {
  const text = [
    "providers:",
    `  single: { location: local, base_url: ${played.url}, slots: 1, price: { input: 0, output: 0 } }`,
    `  wide: { location: local, base_url: ${played.url}, slots: 8, price: { input: 0, output: 0 } }`,
    "models:",
    "  one: { serve: [{ provider: single, model: m }] }",
    "  wide: { serve: [{ provider: wide, model: m }] }",
  ].join("\n");
  return startAllInOne({
    config: parseConfig(text, { file: "test.yaml", lookup: () => undefined }),
    databaseUrl: database.url,
    directUrl: database.url,
    redisUrl: undefined,
    redisPrefix: "spillway",
    adminKey: "sk-admin-test",
    host: "127.0.0.1",
    port: 0,
    log: pino({ level: "silent" }),
  });
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${broker.api.url}/v1${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(init.headers as Record<string, string> | undefined),
    },
  });
}

async function accept(model: string, fields: object = {}): Promise<string> {
  const body = JSON.stringify(chatBody(model, fields));
  const headers = { prefer: "respond-async" };
  const answer = await ask("/chat/completions", { method: "POST", body, headers });
  return ((await answer.json()) as JobView).id;
}

const untilDone = async (id: string) =>
  (await (await ask(`/jobs/${id}?wait=20`)).json()) as JobView;

async function readEvents(id: string, after = -1, onText?: (text: string) => void) {
  const headers: Record<string, string> = after < 0 ? {} : { "last-event-id": String(after) };
  const response = await ask(`/jobs/${id}/events`, { headers });
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    onText?.(text);
  }
  return eventsOf(text);
}

const last = (events: readonly SentEvent[]) => events.at(-1)?.event;

test("a broker that stops and one that follows it on the same database", async () => {
  const done = await accept("wide", { stream: true });
  (await played.next()).say("kept");
  expect((await untilDone(done)).status).toBe("completed");
  const allOfDone = await readEvents(done);

  const running = await accept("one");
  await played.next();
  const waiting = await accept("one", { stream: true });
  const unread = await accept("wide", { stream: true });
  (await played.next()).chunk("unread");
  const read = await accept("wide", { stream: true });
  (await played.next()).chunk("half");
  let seen = "";
  const live = readEvents(read, -1, (text) => (seen = text));
  const early = readEvents(waiting);
  await eventually(() => expect(seen).toContain('"half"'));

  const before = played.count;
  await broker.stop(0);
  // The stop tells readers that the job goes on, or how it ended.
  expect(["error", "job.failed"]).toContain(last(await live));
  expect(last(await early)).toBe("error");
  broker = await start();

  expect(await readEvents(done)).toEqual(allOfDone);
  for (const [after] of allOfDone.slice(0, -1).entries())
    expect(await readEvents(done, after)).toEqual(allOfDone.slice(after + 1));
  expect((await ask(`/jobs/${done}/result`)).status).toBe(200);

  // The unread jobs run again and the waiting one runs now; the one that was read in part does not.
  for (let calls = 1; calls <= 3; calls++) (await played.next()).say("second");
  for (const id of [running, waiting, unread])
    expect(await untilDone(id)).toMatchObject({ status: "completed" });
  expect(played.count).toBe(before + 3);
  expect(await (await ask(`/jobs/${running}/result`)).text()).toContain('"content":"second"');
  const again = await readEvents(unread);
  expect(last(again)).toBe("job.completed");
  expect(JSON.stringify(again)).not.toContain("unread");

  const failed = await untilDone(read);
  expect(failed).toMatchObject({ status: "failed", attempts: 1 });
  const all = await readEvents(read);
  expect(last(all)).toBe("job.failed");
  expect(JSON.stringify(all)).toContain("half");
  const cursor = Number(eventsOf(seen).findLast(({ id }) => id !== undefined)?.id);
  const rest = await readEvents(read, cursor);
  expect(last(rest)).toBe("job.failed");
});
