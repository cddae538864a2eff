import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { holdLock } from "../db/held-lock.ts";
import { chatBody, startJobsRig, WHOLE, type JobsRig } from "./jobs-rig.ts";

let rig: JobsRig;
let off: JobsRig;
let proxy: TcpProxy;
beforeAll(async () => {
  [rig, off] = await Promise.all([startJobsRig("{ attach_retries: true }"), startJobsRig()]);
  proxy = await startTcpProxy("127.0.0.1", rig.broker.broker.api.port);
});
afterAll(async () => {
  await proxy.close();
  for (const { settleDown, stop } of [rig, off]) {
    await settleDown();
    await stop();
  }
});

const question = { model: "once", messages: [{ role: "user" as const, content: "Hi" }] };

function throughProxy(which: JobsRig = rig, maxRetries = 2): OpenAI {
  proxy.target = { host: "127.0.0.1", port: which.broker.broker.api.port };
  return new OpenAI({
    apiKey: which.key,
    baseURL: proxy.through(which.broker.baseUrl),
    maxRetries,
  });
}

const jobs = async ({ broker }: JobsRig) => {
  const { rows } = await broker.database.pool.query<{
    id: string;
    state: string;
    lost: boolean;
    interactive: boolean;
  }>("select id, state, lost_at is not null as lost, interactive from jobs order by id");
  return rows;
};

/** Cuts the connection of a caller that does not retry; returns its call at the upstream. */
async function loseCaller() {
  const asked = throughProxy(rig, 0)
    .chat.completions.create(question)
    .catch(() => "lost");
  const call = await rig.played.next();
  proxy.reset();
  expect(await asked).toBe("lost");
  await eventually(async () => expect((await jobs(rig)).at(-1)?.lost).toBe(true));
  return call;
}

test("a client whose connection is cut while it waits gets its one answer", async () => {
  const client = throughProxy();
  const before = (await jobs(rig)).length;
  const asked = client.chat.completions.create(question).withResponse();
  const call = await rig.played.next();
  const calls = rig.played.count;
  proxy.reset();
  // The second try of the client has arrived.
  await eventually(async () => {
    const [job, ...others] = (await jobs(rig)).slice(before);
    expect(job).toMatchObject({ state: "running", lost: true });
    expect(others).toEqual([]);
  });
  await eventually(async () => expect((await jobs(rig))[before]?.lost).toBe(false));
  call.answer(WHOLE);
  const { data, response } = await asked;
  expect(data.choices[0]?.message.content).toBe("café");
  expect(response.headers.get("x-spillway-job-id")).toBe((await jobs(rig))[before]?.id);
  expect(rig.played.count).toBe(calls);
  expect(await jobs(rig)).toHaveLength(before + 1);
});

test("cut again and again: still one call", async () => {
  const client = throughProxy(rig, 5);
  const asked = client.chat.completions.create(question);
  const call = await rig.played.next();
  const calls = rig.played.count;
  for (let cuts = 1; cuts <= 2; cuts++) {
    const { connections } = proxy;
    proxy.reset();
    await eventually(() => expect(proxy.connections).toBe(connections + 1));
    await eventually(async () => expect((await jobs(rig)).at(-1)?.lost).toBe(false));
  }
  call.answer(WHOLE);
  expect((await asked).choices[0]?.message.content).toBe("café");
  expect(rig.played.count).toBe(calls);
});

test("an answer that came while nobody was there is handed to the retry", async () => {
  const client = throughProxy();
  const asked = client.chat.completions.create(question);
  const call = await rig.played.next();
  const calls = rig.played.count;
  proxy.reset();
  call.answer(WHOLE);
  expect((await asked).choices[0]?.message.content).toBe("café");
  expect(rig.played.count).toBe(calls);
});

test("the same question twice, without a loss, is two jobs", async () => {
  const client = throughProxy();
  const before = (await jobs(rig)).length;
  const both = [1, 2].map(() => client.chat.completions.create(question));
  const [one, two] = [await rig.played.next(), await rig.played.next()];
  one.answer(WHOLE);
  two.answer(WHOLE);
  await Promise.all(both);
  expect(await jobs(rig)).toHaveLength(before + 2);
});

test("one of two is lost: its retry joins that one, once", async () => {
  const client = throughProxy();
  const before = (await jobs(rig)).length;
  const direct = rig.client().chat.completions.create(question);
  const first = await rig.played.next();
  const cut = client.chat.completions.create(question).withResponse();
  const second = await rig.played.next();
  const calls = rig.played.count;
  proxy.reset();
  await eventually(async () => expect((await jobs(rig)).at(-1)?.lost).toBe(true));
  await eventually(async () => expect((await jobs(rig)).at(-1)?.lost).toBe(false));
  // Another retry of the same question finds no lost job.
  const retry = rig.ask("/chat/completions", {
    body: chatBody("once"),
    headers: { "x-stainless-retry-count": "1" },
  });
  const third = await rig.played.next();
  for (const call of [first, second, third]) call.answer(WHOLE);
  const [, { response }] = await Promise.all([direct, cut, retry]);
  expect(response.headers.get("x-spillway-job-id")).toBe((await jobs(rig))[before + 1]?.id);
  expect(await jobs(rig)).toHaveLength(before + 3);
  expect(rig.played.count).toBe(calls + 1);
});

test("a retry that finds its job locked is no second call, and joins it when it comes again", async () => {
  const call = await loseCaller();
  const lost = (await jobs(rig)).at(-1)?.id;
  const before = (await jobs(rig)).length;
  const retry = (count: number) =>
    rig.ask("/chat/completions", {
      body: question,
      headers: { "x-stainless-retry-count": String(count) },
      signal: AbortSignal.timeout(60_000),
    });
  // A worker that claims or settles the job has this lock for a moment.
  await using lock = await holdLock(
    rig.broker.databaseUrl,
    "select from jobs where id = $1 for update",
    [lost],
  );
  expect((await retry(1)).status).toBe(503);
  await lock.release();
  const joined = retry(2);
  await eventually(async () => expect((await jobs(rig)).at(-1)?.lost).toBe(false));
  call.answer(WHOLE);
  expect((await joined).headers.get("x-spillway-job-id")).toBe(lost);
  expect(await jobs(rig)).toHaveLength(before);
});

test("a retry with another body, or of another key, joins nothing", async () => {
  const call = await loseCaller();
  const headers = { "x-stainless-retry-count": "1" };
  const other = rig.ask("/chat/completions", {
    body: { ...question, temperature: 0 },
    headers,
  });
  (await rig.played.next()).answer(WHOLE);
  expect((await other).status).toBe(200);
  const { key } = await rig.broker.key();
  const foreign = rig.ask("/chat/completions", { key, body: question, headers });
  (await rig.played.next()).answer(WHOLE);
  expect((await foreign).status).toBe(200);
  call.answer(WHOLE);
});

test("a job whose caller does not come again is cancelled", async () => {
  const call = await loseCaller();
  await rig.broker.database.pool.query(
    "update jobs set lost_at = now() - interval '16 s' where lost_at is not null",
  );
  await call.closed;
  await eventually(async () => expect((await jobs(rig)).at(-1)?.state).toBe("cancelled"));
});

test("callers that send no such header are as before: their leaving ends the job", async () => {
  const leaving = new AbortController();
  const asked = rig
    .ask("/chat/completions", { body: question, signal: leaving.signal })
    .catch(() => "left");
  const call = await rig.played.next();
  leaving.abort();
  await call.closed;
  expect(await asked).toBe("left");
  expect((await jobs(rig)).at(-1)?.interactive).toBe(true);
});

test("a stream that is cut before its first event is joined, too", async () => {
  const client = throughProxy();
  const asked = client.chat.completions.create({ ...question, stream: true });
  const call = await rig.played.next();
  const calls = rig.played.count;
  proxy.reset();
  await eventually(async () => expect((await jobs(rig)).at(-1)?.lost).toBe(true));
  await eventually(async () => expect((await jobs(rig)).at(-1)?.lost).toBe(false));
  call.chunk("one");
  call.say(" two");
  let text = "";
  for await (const chunk of await asked) text += chunk.choices[0]?.delta.content ?? "";
  expect(text).toBe("one two");
  expect(rig.played.count).toBe(calls);
});

test("switched off: the cut call ends, and its retry is another job", async () => {
  const client = throughProxy(off);
  const asked = client.chat.completions.create(question);
  const first = await off.played.next();
  proxy.reset();
  await first.closed;
  (await off.played.next()).answer(WHOLE);
  expect((await asked).choices[0]?.message.content).toBe("café");
  expect(await jobs(off)).toMatchObject([
    { state: "cancelled", interactive: true },
    { state: "done", interactive: true },
  ]);
});
