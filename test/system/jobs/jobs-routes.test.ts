import { afterAll, beforeAll, expect, test } from "vitest";
import { CursorPage } from "openai/pagination";
import { eventually } from "../../support/eventually.ts";
import { chatBody, startJobsRig, WHOLE, type JobsRig, type JobView } from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const untilDone = (id: string) => rig.json<JobView>(`/jobs/${id}?wait=10`);
const post = { method: "POST" } as const;

interface Page {
  readonly data: readonly JobView[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

test("a list by status and model, newest first, page by page", async () => {
  const { key } = await rig.broker.key();
  const list = (query: string) => rig.json<Page>(`/jobs${query}`, { key });
  expect(await list("")).toEqual({
    object: "list",
    data: [],
    first_id: null,
    last_id: null,
    has_more: false,
  });
  const make = async (model: string) => {
    const body = chatBody(model);
    const asked = { key, headers: { prefer: "respond-async" }, body };
    return (await rig.json<JobView>("/chat/completions", asked, 202)).id;
  };
  const done: string[] = [];
  for (let at = 0; at < 5; at++) done.push(await make("chat"));
  const running = await make("one");
  const call = await rig.played.next();
  const queued = await make("one");
  for (const id of done) await rig.json(`/jobs/${id}?wait=10`, { key });
  const all = [...done, running, queued];
  const ids = async (query: string) => (await list(query)).data.map(({ id }) => id);
  expect(await ids("")).toEqual(all.toReversed());
  expect(await ids("?order=asc")).toEqual(all);
  expect(await ids("?status=completed&order=asc")).toEqual(done);
  expect(await ids("?status=in_progress")).toEqual([running]);
  expect(await ids("?status=queued")).toEqual([queued]);
  expect(await ids("?status=failed")).toEqual([]);
  expect(await ids("?status=incomplete")).toEqual([]);
  expect(await ids("?model=one&order=asc")).toEqual([running, queued]);
  expect(await ids("?model=chat&status=queued")).toEqual([]);
  const paged: string[] = [];
  for (let after = ""; ;) {
    const page = await list(`?limit=3&order=asc${after}`);
    expect(page.first_id).toBe(page.data[0]?.id);
    expect(page.last_id).toBe(page.data.at(-1)?.id);
    paged.push(...page.data.map(({ id }) => id));
    if (!page.has_more) break;
    after = `&after=${page.last_id}`;
  }
  expect(paged).toEqual(all);
  const client = rig.client(key);
  const walked: string[] = [];
  const pages = client.getAPIList<JobView, CursorPage<JobView>>("/jobs", CursorPage, {
    query: { limit: 2 },
  });
  for await (const job of pages) walked.push(job.id);
  expect(walked).toEqual(all.toReversed());
  for (const wrong of ["?status=done", "?limit=0", "?limit=101", "?order=up", "?limit=x"])
    expect((await rig.ask(`/jobs${wrong}`, { key })).status).toBe(400);
  // The SDK sends an empty cursor for null.
  expect((await list("?after=&limit=1")).data).toEqual((await list("?limit=1")).data);
  expect((await list("?limit=1")).data).toHaveLength(1);
  expect((await list("?after=job_nonsense&limit=1")).data.length).toBeLessThanOrEqual(1);
  await rig.json(`/jobs/${queued}/cancel`, { key, ...post });
  expect(await ids("?status=cancelled")).toEqual([queued]);
  call.answer({ error: { message: "no" } }, 400);
  await rig.json(`/jobs/${running}?wait=10`, { key });
  const { data } = await list("?status=failed");
  expect(data).toEqual([await rig.json(`/jobs/${running}`, { key })]);
  expect(data[0]?.error?.code).toBe("upstream_rejected");
});

test("others' jobs, deleted ones and nonsense are the same 404 on every route", async () => {
  const { id } = await rig.accept("chat");
  await untilDone(id);
  const { key } = await rig.broker.key();
  const routes = ["", "/events", "/result", "?wait=1"].map((end) => ["GET", end] as const);
  for (const [method, end] of [...routes, ["POST", "/cancel"], ["DELETE", ""]] as const) {
    const none = `job_${"0".repeat(32)}`;
    const foreign = await rig.ask(`/jobs/${id}${end}`, { method, key });
    const unknown = await rig.ask(`/jobs/${none}${end}`, { method, key });
    expect(foreign.status).toBe(404);
    expect(unknown.status).toBe(404);
    expect(foreign.text.replaceAll(id, none)).toBe(unknown.text);
    for (const odd of ["x", "job_%00", "job_1", "resp_1", "%F0%9F", "job_".padEnd(2_000, "0")])
      expect((await rig.ask(`/jobs/${odd}${end}`, { method, key })).status).toSatisfy(
        (status: number) => [400, 404, 414].includes(status),
      );
  }
  expect(await rig.state(id)).toBe("done");
  expect((await rig.ask(`/jobs/${id}`, { key: "sk-wrong" })).status).toBe(401);
});

test("an interactive job is no accepted one", async () => {
  const answer = await rig.ask("/chat/completions", { body: chatBody("chat") });
  const id = answer.headers.get("x-spillway-job-id");
  expect((await rig.ask(`/jobs/${id}`)).status).toBe(404);
});

test("waiting for a job ends with its end", async () => {
  const { id } = await rig.accept("once");
  const call = await rig.played.next();
  expect((await rig.json<JobView>(`/jobs/${id}?wait=0.2`)).status).toBe("in_progress");
  const waiting = rig.json<JobView>(`/jobs/${id}?wait=30`);
  call.answer(WHOLE);
  const job = await waiting;
  expect(job).toMatchObject({
    status: "completed",
    provider: "left",
    attempts: 1,
    error: null,
    result_url: `/v1/jobs/${id}/result`,
    // The cost is 3 tokens in at 1 USD a million, and 2 out at 2 USD a million.
    cost: { amount: "0.000007", currency: "usd", estimated: false },
    metadata: null,
  });
  const [created, started, completed, expires] = [
    job["created_at"],
    job["started_at"],
    job["completed_at"],
    job["expires_at"],
  ] as number[];
  expect([created, started, completed, expires].every(Number.isInteger)).toBe(true);
  expect(started).toBeGreaterThanOrEqual(created as number);
  expect(completed).toBeGreaterThanOrEqual(started as number);
  expect(expires).toBeGreaterThan(completed as number);
  for (const wait of ["x", "-1", "121", "1e9"])
    expect((await rig.ask(`/jobs/${id}?wait=${wait}`)).status).toBe(400);
});

test("metadata comes back with the job", async () => {
  const metadata = { run: "7", ключ: "é\u2028" };
  const { id } = await rig.accept("chat", { metadata });
  expect((await untilDone(id))["metadata"]).toEqual(metadata);
});

test("no result before the end, and no retry of the question by an SDK", async () => {
  const { id } = await rig.accept("once");
  const call = await rig.played.next();
  const early = await rig.ask(`/jobs/${id}/result`);
  expect(early.status).toBe(409);
  expect(early.headers.get("x-should-retry")).toBe("false");
  expect(JSON.parse(early.text)).toMatchObject({ error: { code: "not_ready" } });
  call.answer(WHOLE);
  await untilDone(id);
  expect((await rig.ask(`/jobs/${id}/result`)).text).toBe(WHOLE);
});

test("a failed job's result is the error that the sync call gives", async () => {
  const body = chatBody("once");
  for (const status of [400, 500]) {
    const sync = rig.ask("/chat/completions", { body });
    (await rig.played.next()).answer({ error: { message: "broken", code: "z" } }, status);
    const { id } = await rig.accept("once");
    (await rig.played.next()).answer({ error: { message: "broken", code: "z" } }, status);
    const job = await untilDone(id);
    const result = await rig.ask(`/jobs/${id}/result`);
    expect(result.status).toBe((await sync).status);
    expect(result.text).toBe((await sync).text);
    expect(job.status).toBe("failed");
    expect(job.error).toEqual((JSON.parse(result.text) as { error: object }).error);
  }
});

test("cancelling a job that waits: it never runs", async () => {
  const { id: first } = await rig.accept("one");
  const call = await rig.played.next();
  const { id } = await rig.accept("one");
  const before = rig.played.count;
  const cancelled = await rig.json<JobView>(`/jobs/${id}/cancel`, post);
  expect(cancelled).toMatchObject({ id, status: "cancelled", attempts: 0 });
  expect(cancelled.error).not.toBeNull();
  expect(await rig.json(`/jobs/${id}/cancel`, post)).toEqual(cancelled);
  expect(await rig.json(`/jobs/${id}`)).toEqual(cancelled);
  call.answer(WHOLE);
  expect((await untilDone(first)).status).toBe("completed");
  expect(rig.played.count).toBe(before);
  const result = await rig.ask(`/jobs/${id}/result`);
  expect(JSON.parse(result.text)).toMatchObject({ error: { code: "cancelled" } });
});

test("cancelling a job that runs: its upstream is left at once", async () => {
  const { id } = await rig.accept("once", { stream: true });
  const call = await rig.played.next();
  call.chunk("a");
  const cancelling = [1, 2, 3].map(() => rig.json<JobView>(`/jobs/${id}/cancel`, post));
  await call.closed;
  for (const job of await Promise.all(cancelling)) expect(job.status).toBe("cancelled");
  expect((await rig.json<JobView>(`/jobs/${id}`)).status).toBe("cancelled");
});

test("cancelling a job that has ended changes nothing", async () => {
  const { id } = await rig.accept("chat");
  const done = await untilDone(id);
  expect(await rig.json(`/jobs/${id}/cancel`, post)).toEqual(done);
  const empty = { ...post, headers: { "content-type": "application/json" } };
  expect(await rig.json(`/jobs/${id}/cancel`, empty)).toEqual(done);
});

const cancelSoon = async () => {
  const { id } = await rig.accept("chat", { stream: Math.random() < 0.5 });
  const answer = await rig.json<JobView>(`/jobs/${id}/cancel`, post);
  return [answer, await untilDone(id)] as const;
};

test("cancels that race completion: one outcome, which everyone is told", async () => {
  for (const [answer, end] of await Promise.all(Array.from({ length: 30 }, cancelSoon))) {
    expect(["completed", "cancelled"]).toContain(end.status);
    expect(answer.status).toBe(end.status);
  }
});

test("deleting a job that is done, waits or runs: nothing stays but its cost", async () => {
  const { id: done } = await rig.accept("chat");
  await untilDone(done);
  const { id: running } = await rig.accept("one", { stream: true });
  const call = await rig.played.next();
  call.chunk("secret");
  const { id: waiting } = await rig.accept("one");
  await eventually(async () => expect((await rig.stored(running))["job_events"]).toBe(1));
  const before = rig.played.count;
  const waiter = rig.ask(`/jobs/${waiting}?wait=20`);
  for (const id of [done, waiting, running]) {
    expect(await rig.json(`/jobs/${id}`, { method: "DELETE" })).toEqual({
      id,
      object: "job",
      deleted: true,
    });
    for (const end of ["", "/result", "/events"])
      expect((await rig.ask(`/jobs/${id}${end}`)).status).toBe(404);
    expect((await rig.ask(`/jobs/${id}`, { method: "DELETE" })).status).toBe(404);
    expect((await rig.ask(`/jobs/${id}/cancel`, post)).status).toBe(404);
  }
  await call.closed;
  expect((await waiter).status).toBe(404);
  await eventually(async () => expect(await rig.state(running)).toBe("cancelled"));
  expect(await rig.state(waiting)).toBe("cancelled");
  expect(await rig.state(done)).toBe("done");
  expect(rig.played.count).toBe(before);
  for (const id of [done, waiting, running])
    expect(Object.values(await rig.stored(id))).toEqual([0, 0, 0, 0]);
  const { rows } = await rig.broker.database.pool.query(
    "select cost_nanos > 0 as costs from ledger where job_id = any ($1)",
    [[done, running]],
  );
  expect(rows).toEqual([{ costs: true }, { costs: true }]);
});

test("what was asked is not kept longer than its job runs", async () => {
  const { id } = await rig.accept("chat", { metadata: { a: "b" } });
  await untilDone(id);
  const { rows } = await rig.broker.database.pool.query(
    "select body is null as gone, facts from job_requests where job_id = $1",
    [id],
  );
  expect(rows).toEqual([{ gone: true, facts: expect.not.stringContaining("Hi") as string }]);
});

test("the list says of each job what the job's own route says, however it ended", async () => {
  const late = await rig.ask("/chat/completions", {
    body: chatBody("once"),
    headers: { prefer: "respond-async", "x-spillway-deadline-ms": "2000" },
  });
  const { id } = JSON.parse(late.text) as JobView;
  expect(await untilDone(id)).toMatchObject({
    status: "failed",
    error: { code: "deadline_exceeded" },
  });
  await (
    await rig.played.next()
  ).closed;
  const { data } = await rig.json<Page>("/jobs?limit=100");
  const statuses = new Set<string>();
  for (const listed of data) {
    statuses.add(listed.status);
    expect(await rig.json<JobView>(`/jobs/${listed.id}`)).toEqual(listed);
  }
  expect([...statuses].toSorted()).toEqual(["cancelled", "completed", "failed"]);
});
