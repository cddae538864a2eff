import { afterAll, beforeAll, expect, test } from "vitest";
import { chatBody, eventsOf, startJobsRig, WHOLE, type JobsRig, type JobView } from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig("{ sync_wait: 1500ms }");
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const post = (path: string, body: object, idem: string) =>
  rig.ask(path, { body, headers: { "idempotency-key": idem } });
const untilDone = (id: string) => rig.json<JobView>(`/jobs/${id}?wait=10`);

test("a stream that broke is replayed as it was, with its error at the end", async () => {
  for (const body of [
    chatBody("once", { stream: true }),
    { model: "once", input: "Hi", stream: true },
  ]) {
    const path = "input" in body ? "/responses" : "/chat/completions";
    const idem = `broke ${path}`.replace(" ", "-");
    const parts: string[] = [];
    const asked = fetch(`${rig.broker.baseUrl}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${rig.key}`,
        "content-type": "application/json",
        "idempotency-key": idem,
      },
      body: JSON.stringify(body),
    });
    const call = await rig.played.next();
    call.chunk("half");
    const decoder = new TextDecoder();
    for await (const bytes of (await asked).body ?? []) {
      parts.push(decoder.decode(bytes, { stream: true }));
      if (parts.join("").includes("half")) call.cut();
    }
    const first = eventsOf(parts.join(""));
    expect(first.at(-1)?.data).toContain("error");
    const again = await post(path, body, idem);
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(eventsOf(again.text)).toEqual(first);
  }
});

test("a stream that failed before its first event is the same failure again", async () => {
  const body = chatBody("once", { stream: true });
  const asked = post("/chat/completions", body, "no-event");
  (await rig.played.next()).answer({ error: { message: "broken" } }, 500);
  const first = await asked;
  expect(first.status).toBe(502);
  const again = await post("/chat/completions", body, "no-event");
  expect(again.status).toBe(502);
  expect(again.text).toBe(first.text);
});

test("longer than a connection may wait: 504 that leads to the job, which goes on", async () => {
  for (const [path, body, idem] of [
    ["/chat/completions", chatBody("once"), "long"],
    ["/responses", { model: "once", input: "Hi" }, undefined],
  ] as const) {
    const headers = idem === undefined ? {} : { "idempotency-key": idem };
    const answer = await rig.ask(path, { body, headers });
    expect(answer.status).toBe(504);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    const location = answer.headers.get("location") ?? "";
    const id = location.replace("/v1/jobs/", "");
    const { error } = JSON.parse(answer.text) as { error: { message: string } };
    expect(error).toMatchObject({ job_id: id, job_url: location });
    const at =
      idem === undefined ? id.replace("job_", "/v1/responses/resp_") : `${location}/result`;
    expect(error.message).toContain(`will be at ${at}.`);
    expect((await rig.json<JobView>(`/jobs/${id}`)).status).toBe("in_progress");
    const call = await rig.played.next();
    if (idem === undefined) call.say("late");
    else call.answer(WHOLE);
    expect((await untilDone(id)).status).toBe("completed");
    if (idem !== undefined) expect((await post(path, body, idem)).text).toBe(WHOLE);
  }
});

test("who asked for a stored response may hang up", async () => {
  const leaving = new AbortController();
  const body = { model: "once", input: "Hi" };
  const asked = rig.ask("/responses", { body, signal: leaving.signal }).catch(() => "left");
  const call = await rig.played.next();
  leaving.abort();
  expect(await asked).toBe("left");
  call.say("kept");
  const { data } = await rig.json<{ data: JobView[] }>("/jobs?limit=1");
  const id = data[0]?.id ?? "";
  expect((await untilDone(id)).status).toBe("completed");
  const client = rig.client();
  expect((await client.responses.retrieve(`resp_${id.slice(4)}`)).output_text).toBe("kept");
});

test("a turn is replayed although the one before it is deleted", async () => {
  const first = rig.json<JobView>("/responses", { body: { model: "once", input: "one" } });
  (await rig.played.next()).say("eins");
  const { id } = await first;
  const body = { model: "once", input: "two", previous_response_id: id };
  const asked = post("/responses", body, "second-turn");
  (await rig.played.next()).say("zwei");
  const second = await asked;
  await rig.json(`/responses/${id}`, { method: "DELETE" });
  const again = await post("/responses", body, "second-turn");
  expect(again.status).toBe(200);
  expect(again.text).toBe(second.text);
});

test("an accepted job holds money while it waits, and keeps others from it", async () => {
  const { key, id: keyId } = await rig.broker.key({
    budget: { limit_usd: "0.0006", period: "month" },
  });
  const { pool } = rig.broker.database;
  const period = async () => {
    const { rows } = await pool.query<{ held: string; settled: string }>(
      `select p.held_nanos::text as held, p.settled_nanos::text as settled
       from budget_periods p join budgets b on b.id = p.budget_id where b.key_id = $1`,
      [keyId],
    );
    return rows[0];
  };
  const asked = { key, body: chatBody("once", { max_tokens: 200 }) };
  const async = { ...asked, headers: { prefer: "respond-async" } };
  const job = await rig.json<JobView>("/chat/completions", async, 202);
  expect(BigInt((await period())?.held ?? 0)).toBeGreaterThan(400_000n);
  expect((await rig.ask("/chat/completions", asked)).status).toBe(402);
  expect((await rig.ask("/chat/completions", async)).status).toBe(402);
  (await rig.played.next()).answer(WHOLE);
  await rig.json(`/jobs/${job.id}?wait=10`, { key });
  expect(await period()).toEqual({ held: "0", settled: "7000" });
  await rig.json(`/jobs/${job.id}`, { key, method: "DELETE" });
  expect(await period()).toEqual({ held: "0", settled: "7000" });
});
