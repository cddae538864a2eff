import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import {
  chatBody,
  eventsOf,
  startJobsRig,
  WHOLE,
  type JobsRig,
  type JobView,
  type SentEvent,
} from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const untilDone = (id: string) => rig.json<JobView>(`/jobs/${id}?wait=10`);

async function readAll(id: string, after?: number | string): Promise<SentEvent[]> {
  const headers = after === undefined ? {} : { "last-event-id": String(after) };
  const answer = await rig.ask(`/jobs/${id}/events`, { headers });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toContain("text/event-stream");
  return eventsOf(answer.text);
}

/** Reads events while they are sent; `text` grows with them. */
function follow(id: string, after?: number) {
  const state = { text: "" };
  const read = async (): Promise<SentEvent[]> => {
    const response = await fetch(`${rig.broker.baseUrl}/jobs/${id}/events`, {
      headers: {
        authorization: `Bearer ${rig.key}`,
        ...(after === undefined ? {} : { "last-event-id": String(after) }),
      },
    });
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? [])
      state.text += decoder.decode(bytes, { stream: true });
    return eventsOf(state.text);
  };
  return { state, whole: read() };
}

/** A reader gets the events after its place; after the end, it gets the end once more. */
async function expectRests(id: string, events: readonly SentEvent[]) {
  for (const [after] of events.slice(0, -1).entries())
    expect(await readAll(id, after)).toEqual(events.slice(after + 1));
  const again = await readAll(id, events.length - 1);
  expect(again.map(({ data }) => data)).toEqual([events.at(-1)?.data]);
}

const names = (events: readonly SentEvent[]) => events.map(({ event }) => event);
const ids = (events: readonly SentEvent[]) => events.map(({ id }) => Number(id));
const upTo = (end: number) => Array.from({ length: end }, (_, at) => at);

test("a streamed job: its own events around the answer's, from every place", async () => {
  const { id } = await rig.accept("played", { stream: true });
  const call = await rig.played.next();
  for (const text of ["a", "b", "c"]) call.chunk(text);
  call.done();
  await untilDone(id);
  const all = await readAll(id);
  expect(ids(all)).toEqual(upTo(all.length));
  expect(names(all).slice(0, 2)).toEqual(["job.queued", "job.in_progress"]);
  expect(names(all).at(-1)).toBe("job.completed");
  expect(JSON.parse(all.at(-1)?.data ?? "")).toEqual(await rig.json(`/jobs/${id}`));
  expect(JSON.parse(all[0]?.data ?? "")).toMatchObject({
    id,
    status: "queued",
    completed_at: null,
  });
  const answer = all.slice(2, -1).map(({ data }) => data);
  const { text } = await rig.ask(`/jobs/${id}/result`);
  expect(answer).toEqual(eventsOf(text).map(({ data }) => data));
  expect(answer.at(-1)).toBe("[DONE]");
  await expectRests(id, all);
  for (const wrong of ["x", "-1", "1.5", "9".repeat(12)]) {
    const refused = await rig.ask(`/jobs/${id}/events`, { headers: { "last-event-id": wrong } });
    expect(refused.status).toBe(400);
  }
});

test("many readers at once, early and late, see the same events as they come", async () => {
  const { id: blocker } = await rig.accept("one");
  const blocking = await rig.played.next();
  const { id } = await rig.accept("one", { stream: true });
  const early = [follow(id), follow(id)];
  await eventually(() => {
    for (const { state } of early) expect(state.text).toContain("job.queued");
  });
  for (const { state } of early) expect(state.text).not.toContain("job.in_progress");
  blocking.answer(WHOLE);
  await untilDone(blocker);
  const call = await rig.played.next();
  const readers = [...early];
  await eventually(() => {
    for (const { state } of early) expect(state.text).toContain("job.in_progress");
  });
  for (const word of ["one", "two", "three"]) {
    call.chunk(word);
    await eventually(() => {
      for (const { state } of readers) expect(state.text).toContain(`"${word}"`);
    });
    const joined = follow(id);
    readers.push(joined);
    await eventually(() => expect(joined.state.text).toContain(`"${word}"`));
  }
  const middle = follow(id, 3);
  call.done();
  const [first, ...others] = await Promise.all(readers.map(({ whole }) => whole));
  for (const other of others) expect(other).toEqual(first);
  expect(ids(first ?? [])).toEqual(upTo(first?.length ?? 0));
  expect(await middle.whole).toEqual(first?.slice(4));
  expect(await readAll(id)).toEqual(first);
});

test("a reader that leaves stops nothing", async () => {
  const { id } = await rig.accept("once", { stream: true });
  const call = await rig.played.next();
  const leaving = new AbortController();
  const left = rig.ask(`/jobs/${id}/events`, { signal: leaving.signal }).catch(() => "left");
  const staying = follow(id);
  call.chunk("one");
  await eventually(() => expect(staying.state.text).toContain('"one"'));
  leaving.abort();
  expect(await left).toBe("left");
  call.chunk("two");
  call.done();
  expect(names(await staying.whole).at(-1)).toBe("job.completed");
});

test("a job that was not streamed has its own events only", async () => {
  const { id } = await rig.accept("chat");
  const events = await readAll(id);
  expect(names(events)).toEqual(["job.queued", "job.in_progress", "job.completed"]);
  expect(await readAll(id)).toEqual(events);
  expect(await readAll(id, 1)).toEqual(events.slice(2));
});

test("a response's events are the response's", async () => {
  const streamed = { model: "played", input: "Hi", stream: true };
  const asked = { body: streamed, headers: { prefer: "respond-async" } };
  const { id } = await rig.json<JobView>("/responses", asked, 202);
  const call = await rig.played.next();
  call.chunk("a");
  call.done();
  await untilDone(id);
  const events = await readAll(id);
  expect(ids(events)).toEqual(upTo(events.length));
  expect(names(events)).toContain("response.output_text.delta");
  expect(names(events).slice(-2)).toEqual(["response.completed", "job.completed"]);
  await expectRests(id, events);
});

async function expectEnd(expected: string, act: (id: string) => unknown, headers = {}) {
  const asked = { body: chatBody("once", { stream: true }) };
  const async = { prefer: "respond-async", ...headers };
  const { id } = await rig.json<JobView>("/chat/completions", { ...asked, headers: async }, 202);
  const call = await rig.played.next();
  call.chunk("part");
  const live = follow(id);
  await eventually(() => expect(live.state.text).toContain('"part"'));
  if (expected === "job.failed") call.cut();
  else await act(id);
  const events = await live.whole;
  expect(names(events).at(-1)).toBe(expected);
  expect(names(events).filter((name) => name?.startsWith("job."))).toHaveLength(3);
  const job = JSON.parse(events.at(-1)?.data ?? "") as JobView;
  expect(job).toEqual(await rig.json(`/jobs/${id}`));
  expect(job.error).not.toBeNull();
  const again = await readAll(id);
  expect(again).toEqual(events);
  await expectRests(id, events);
}

test("failed, cancelled, expired: the last event says so, live and afterwards", async () => {
  await expectEnd("job.failed", () => undefined);
  await expectEnd("job.cancelled", (id) => rig.ask(`/jobs/${id}/cancel`, { method: "POST" }));
  await expectEnd("job.expired", () => undefined, { "x-spillway-deadline-ms": "1500" });
});

test("cancelled before it ran", async () => {
  const { id: blocker } = await rig.accept("one");
  const call = await rig.played.next();
  const { id } = await rig.accept("one", { stream: true });
  const live = follow(id);
  await eventually(() => expect(live.state.text).toContain("job.queued"));
  await rig.json(`/jobs/${id}/cancel`, { method: "POST" });
  const events = await live.whole;
  expect(names(events).at(-1)).toBe("job.cancelled");
  expect(await readAll(id)).toEqual(events);
  call.answer(WHOLE);
  await untilDone(blocker);
});

test("deleted: its readers are told, and let go", async () => {
  const { id } = await rig.accept("once", { stream: true });
  const call = await rig.played.next();
  call.chunk("part");
  const live = follow(id);
  await eventually(() => expect(live.state.text).toContain('"part"'));
  await rig.json(`/jobs/${id}`, { method: "DELETE" });
  const last = (await live.whole).at(-1);
  expect(last?.event).toBe("error");
  expect(last?.id).toBeUndefined();
  expect(last?.data).toContain("deleted");
  await call.closed;
});

test("an attempt that breaks before anyone has read of it is made again, unseen", async () => {
  const { id } = await rig.accept("played", { stream: true });
  const broken = await rig.played.next();
  broken.chunk("wrong");
  await eventually(async () => expect((await rig.stored(id))["job_events"]).toBe(1));
  broken.cut();
  const call = await rig.played.next();
  const live = follow(id);
  call.chunk("right");
  call.done();
  const events = await live.whole;
  expect(names(events).at(-1)).toBe("job.completed");
  expect(live.state.text).toContain('"right"');
  expect(live.state.text).not.toContain("wrong");
  expect(ids(events)).toEqual(upTo(events.length));
  expect((await untilDone(id))["attempts"]).toBe(2);
});

test("one of which a part was read is not made again", async () => {
  const { id } = await rig.accept("played", { stream: true });
  const before = rig.played.count;
  const broken = await rig.played.next();
  const live = follow(id);
  broken.chunk("half");
  await eventually(() => expect(live.state.text).toContain('"half"'));
  broken.cut();
  const events = await live.whole;
  expect(names(events).at(-1)).toBe("job.failed");
  expect((await untilDone(id))["attempts"]).toBe(1);
  expect(rig.played.count).toBeLessThanOrEqual(before + 1);
  expect((await rig.ask(`/jobs/${id}/result`)).status).toBe(502);
});

test("reading only that an attempt has begun does not stop the next one", async () => {
  const { id } = await rig.accept("played", { stream: true });
  const broken = await rig.played.next();
  const live = follow(id);
  await eventually(() => expect(live.state.text).toContain("job.in_progress"));
  broken.cut();
  const call = await rig.played.next();
  call.chunk("right");
  call.done();
  const events = await live.whole;
  expect(names(events).filter((name) => name === "job.in_progress")).toHaveLength(1);
  expect(names(events).at(-1)).toBe("job.completed");
});

/** The numbers of a response's events. */
const numbersOf = (sent: string): number[] =>
  eventsOf(sent).map(
    ({ data }) => (JSON.parse(data) as { sequence_number: number }).sequence_number,
  );

test("a failed response whose log is gone ends after what its reader has", async () => {
  const body = { model: "once", input: "Hi", background: true, stream: true };
  const response = await fetch(`${rig.broker.baseUrl}/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const call = await rig.played.next();
  for (const word of ["Blue ", "herons ", "wade."]) call.chunk(word);
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes("wade.")) call.cut();
  }
  const after = Math.max(...numbersOf(text.slice(0, text.indexOf("event: error"))));
  const id = /"id":"resp_(\w+)"/.exec(text)?.[1] ?? "";
  const { pool } = rig.broker.database;
  // A wiped Redis and a lost worker leave neither a log nor stored events.
  await pool.query("delete from job_events where job_id = $1", [`job_${id}`]);
  await pool.query("update job_results set events = null where job_id = $1", [`job_${id}`]);
  const rest = await rig.ask(`/responses/resp_${id}?stream=true&starting_after=${after}`);
  expect(numbersOf(rest.text)).toEqual([after + 1, after + 2]);
});
