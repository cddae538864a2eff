import { afterAll, beforeAll, expect, test } from "vitest";
import { expireAccepted } from "../../../shared/jobs/due-jobs.ts";
import { forgetAccepted } from "../../../shared/jobs/forget-accepted.ts";
import { eventually } from "../../support/eventually.ts";
import { chatBody, eventsOf, startJobsRig, type JobsRig, type JobView } from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const untilDone = (id: string) => rig.json<JobView>(`/jobs/${id}?wait=10`);
const age = (job: string, minutes: number) =>
  rig.broker.database.pool.query(
    "update jobs set ended_at = ended_at - $2 * interval '1 min' where id = $1",
    [job, minutes],
  );
const forget = (page = 200) => forgetAccepted(rig.broker.database.pool, 60_000, page);

test("results are kept as long as the operator says, and no longer", async () => {
  const { id: old } = await rig.accept("chat", { stream: true });
  const { id: young } = await rig.accept("chat");
  const response = await rig.json<JobView>("/responses", { body: { model: "chat", input: "Hi" } });
  const stored = `job_${response.id.slice(5)}`;
  for (const id of [old, young, stored]) await untilDone(id);
  await age(old, 2);
  await age(stored, 2);
  expect(await forget()).toBe(2);
  for (const id of [old, stored]) {
    for (const end of ["", "/result", "/events"])
      expect((await rig.ask(`/jobs/${id}${end}`)).status).toBe(404);
    const { idempotency_keys: _, ...rows } = await rig.stored(id);
    expect(Object.values(rows)).toEqual([0, 0, 0]);
  }
  expect((await rig.ask(`/responses/${response.id}`)).status).toBe(404);
  expect((await rig.ask(`/jobs/${young}/result`)).status).toBe(200);
  const { data } = await rig.json<{ data: JobView[] }>("/jobs");
  expect(data.map(({ id }) => id)).toEqual([young]);
  expect(await forget()).toBe(0);
});

test("a page is a page, and several that forget at once take each job once", async () => {
  const jobs = await Promise.all(Array.from({ length: 9 }, () => rig.accept("chat")));
  for (const { id } of jobs) {
    await untilDone(id);
    await age(id, 2);
  }
  expect(await forget(4)).toBe(4);
  const rest = await Promise.all([forget(), forget(), forget()]);
  expect(rest.reduce((sum, count) => sum + count)).toBe(5);
});

test("a job that runs is never forgotten, however old", async () => {
  const { id } = await rig.accept("once");
  const call = await rig.played.next();
  await rig.broker.database.pool.query(
    "update jobs set accepted_at = now() - interval '90 days' where id = $1",
    [id],
  );
  await forget();
  expect((await rig.json<JobView>(`/jobs/${id}`)).status).toBe("in_progress");
  call.answer({ error: { message: "x" } }, 400);
  await untilDone(id);
});

test("a key whose job's answer is kept no longer does not make it run again", async () => {
  const asked = { body: chatBody("chat"), headers: { "idempotency-key": "kept-shortly" } };
  const first = await rig.ask("/chat/completions", asked);
  const job = first.headers.get("x-spillway-job-id") ?? "";
  await age(job, 2);
  await forget();
  const calls = rig.broker.upstreams["gpu"]?.counters().calls;
  for (const prefer of ["", "respond-async"]) {
    const again = await rig.ask("/chat/completions", {
      ...asked,
      headers: { ...asked.headers, prefer },
    });
    expect(again.status).toBe(404);
  }
  expect(rig.broker.upstreams["gpu"]?.counters().calls).toBe(calls);
  // The key is free after a day.
  await rig.broker.database.pool.query(
    "update idempotency_keys set created_at = now() - interval '25 h' where job_id = $1",
    [job],
  );
  expect(await forget()).toBe(1);
  expect((await rig.ask("/chat/completions", asked)).status).toBe(200);
});

test("a job that waits past its deadline ends, and its readers hear of it", async () => {
  const { id: blocker } = await rig.accept("one");
  const call = await rig.played.next();
  const asked = {
    body: chatBody("one", { stream: true }),
    headers: { prefer: "respond-async", "x-spillway-deadline-ms": "300" },
  };
  const { id } = await rig.json<JobView>("/chat/completions", asked, 202);
  const reading = rig.ask(`/jobs/${id}/events`);
  await eventually(async () => {
    await expireAccepted(rig.broker.database.pool, 100);
    expect(await rig.state(id)).toBe("expired");
  });
  expect(eventsOf((await reading).text).at(-1)?.event).toBe("job.expired");
  const result = await rig.ask(`/jobs/${id}/result`);
  expect(result.status).toBe(504);
  expect((await untilDone(id)).error?.code).toBe("deadline_exceeded");
  // A job with a far deadline stays.
  const { id: later } = await rig.accept("one");
  expect(await expireAccepted(rig.broker.database.pool, 100)).toEqual([]);
  call.answer({ error: { message: "x" } }, 400);
  await untilDone(blocker);
  (await rig.played.next()).answer({ error: { message: "x" } }, 400);
  await untilDone(later);
});
