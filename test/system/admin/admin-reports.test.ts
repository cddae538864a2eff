import { afterAll, beforeAll, expect, test } from "vitest";
import { claimJob, jobOf, makeKey, settleJob } from "../keys/broker-database.ts";
import { type AdminServer, startAdminServer } from "./admin-server.ts";

let server: AdminServer;
let keyA: string;
let keyB: string;
const jobs: string[] = [];

// There are four attempts: A at gpu ok, A at cloud ok, A at gpu failed, B at gpu ok.
beforeAll(async () => {
  server = await startAdminServer();
  const { database } = server;
  keyA = (await makeKey(database, { budget: { limit_usd: 1, period: "day" } })).key.id;
  keyB = (await makeKey(database)).key.id;
  for (const [key, provider, cost, status] of [
    [keyA, "gpu", 0n, "ok"],
    [keyA, "cloud", 1_500n, "ok"],
    [keyA, "gpu", 0n, "failed"],
    [keyB, "gpu", 7n, "ok"],
  ] as const) {
    const job = jobOf(key, 1_000n, provider);
    jobs.push(job.id);
    await database.accept.submit(job);
    await claimJob(database, job);
    await settleJob(database, job, cost, status);
  }
});
afterAll(() => server[Symbol.asyncDispose]());

const ledger = async (query: string) => (await server.call("GET", `/admin/ledger?${query}`)).body;
const usage = async (query: string) => (await server.call("GET", `/admin/usage?${query}`)).body;

test("a ledger row says what the attempt was and cost", async () => {
  const { data } = await ledger(`job_id=${jobs[1]}`);
  expect(data).toEqual([
    {
      id: expect.stringMatching(/^\d+$/),
      object: "ledger_entry",
      job_id: jobs[1],
      attempt: 1,
      key_id: keyA,
      provider: "cloud",
      location: "cloud",
      endpoint: "chat.completions",
      model: "chat-small",
      upstream_model: "upstream-model",
      status: "ok",
      error_code: null,
      prompt_tokens: 10,
      completion_tokens: 5,
      estimated: false,
      cost_usd: "0.000001",
      overrun_usd: "0.0000005",
      queue_ms: expect.any(Number),
      ttft_ms: 12,
      total_ms: 34,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
    },
  ]);
});

test("the ledger is paged newest first, each row once, and filtered by key", async () => {
  const seen: unknown[] = [];
  let after = "";
  for (let hasMore = true; hasMore;) {
    const page = await ledger(`limit=3${after}`);
    seen.push(...page.data.map((row) => row["job_id"]));
    after = `&after=${String(page.data.at(-1)?.["id"])}`;
    hasMore = page.has_more;
  }
  expect(seen).toEqual(jobs.toReversed());
  const ofA = await ledger(`key_id=${keyA}&limit=2`);
  expect(ofA.data.map((row) => row["job_id"])).toEqual([jobs[2], jobs[1]]);
  expect(ofA.has_more).toBe(true);
  expect((await ledger(`key_id=${keyB}&job_id=${jobs[0]}`)).data).toEqual([]);
});

const totals = (requests: number, ok: number, failed: number, cost: string) => ({
  requests,
  ok,
  failed,
  cancelled: 0,
  unknown: 0,
  not_sent: 0,
  prompt_tokens: 10 * requests,
  completion_tokens: 5 * requests,
  cost_usd: cost,
});

test("usage sums the ledger by key, model, provider and UTC day", async () => {
  const byKey = await usage("group_by=key");
  expect(byKey).toMatchObject({ object: "list", group_by: "key" });
  expect(byKey.data).toMatchObject([
    { key: keyA, ...totals(3, 2, 1, "0.000001"), overrun_usd: "0.0000005" },
    { key: keyB, ...totals(1, 1, 0, "0.000000007"), overrun_usd: "0" },
  ]);
  expect((await usage("group_by=model")).data).toMatchObject([
    { model: "chat-small", ...totals(4, 3, 1, "0.000001007") },
  ]);
  expect((await usage("group_by=provider")).data).toMatchObject([
    { provider: "cloud", ...totals(1, 1, 0, "0.000001") },
    { provider: "gpu", ...totals(3, 2, 1, "0.000000007") },
  ]);
  const days = (await usage("group_by=day")).data;
  expect(days.map((day) => day["day"])).toContain(new Date().toISOString().slice(0, 10));
});

test("usage takes `from` as inclusive and `to` as exclusive", async () => {
  const { data } = await ledger(`job_id=${jobs[3]}`);
  const { rows } = await server.database.pool.query<{ text: string }>(
    `select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as text
     from ledger where id = $1`,
    [data[0]?.["id"]],
  );
  // A Date holds milliseconds, so the newest row's time is cut to them.
  const moment = `${rows[0]?.text.slice(0, 23)}Z`;
  const later = new Date(new Date(moment).getTime() + 1).toISOString();
  const from = await usage(`group_by=key&from=${moment}`);
  const to = await usage(`group_by=key&to=${moment}`);
  expect(from.data.find((row) => row["key"] === keyB)?.["requests"]).toBe(1);
  expect(to.data.find((row) => row["key"] === keyB)).toBeUndefined();
  expect((await usage(`group_by=key&to=${later}`)).data).toHaveLength(2);
  expect((await usage("group_by=day&from=2999-01-01")).data).toEqual([]);
});

test("providers show their load from the database and their health from the board", async () => {
  const [running, waiting] = [jobOf(keyB, 0n), jobOf(keyB, 0n)];
  await Promise.all([running, waiting].map((job) => server.database.accept.submit(job)));
  await claimJob(server.database, running);
  server.providerStates.setUp("cloud", false);
  const unasked = {
    engine: null,
    engine_version: null,
    engine_slots: null,
    models: null,
    problems: [],
  };
  expect((await server.call("GET", "/admin/providers")).body.data).toEqual([
    {
      name: "gpu",
      location: "local",
      healthy: true,
      slots: 4,
      in_flight: 1,
      queued: 1,
      ...unasked,
    },
    {
      name: "cloud",
      location: "cloud",
      healthy: false,
      slots: 8,
      in_flight: 0,
      queued: 0,
      ...unasked,
    },
  ]);
});
