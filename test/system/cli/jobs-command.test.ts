import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { runClient, serveOnce } from "./cli-rig.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, outputTokens: 2 }, stuck: { slots: 4 } },
    models: [
      "  chat-small: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
      "  chat-stuck: { serve: [{ provider: stuck, model: m }], max_output_tokens: 64 }",
      "  chat-bad: { serve: [{ provider: gpu, model: bad }], max_output_tokens: 64 }",
    ].join("\n"),
  });
  broker.upstreams["stuck"]?.setFault({ type: "hang" });
  broker.upstreams["gpu"]?.setFault({ type: "status", status: 400, match: "bad" });
});
afterAll(() => broker.stop());

/** Makes a key, and functions that run commands with it. */
async function caller() {
  const { key } = await broker.key();
  const env = { SPILLWAY_URL: broker.url, SPILLWAY_API_KEY: key };
  const spillway = (...words: string[]) => runClient(env, words);
  const json = async (...words: string[]) =>
    JSON.parse((await spillway(...words, "--json")).stdout) as Record<string, unknown> & {
      data: { id: string; status: string }[];
    };
  const begin = async (model: string): Promise<string> =>
    (await spillway("run", "-m", model, "Hi", "--background")).stdout.trim();
  return { spillway, json, begin, key };
}

test("list pages through a key's jobs, newest first, up to the limit, by status and model", async () => {
  const { spillway, json, begin } = await caller();
  const ids: string[] = [];
  for (const model of ["chat-small", "chat-stuck", "chat-small"]) ids.push(await begin(model));
  const [first = "", stuck = "", third = ""] = ids;
  for (const id of [first, third]) await spillway("jobs", "wait", id);
  const listed = async (...flags: string[]) =>
    (await json("jobs", "list", ...flags)).data.map(({ id }) => id);
  expect(await listed()).toEqual(ids.toReversed());
  expect(await listed("--limit", "2")).toEqual([third, stuck]);
  expect(await listed("--status", "completed")).toEqual([third, first]);
  expect(await listed("--model", "chat-stuck")).toEqual([stuck]);
  const table = (await spillway("jobs", "list")).stdout.split("\n");
  expect(table).toHaveLength(5);
  expect(table[0]).toMatch(/^id +status +model +endpoint +created +took +usd +error$/);
  expect(table[1]).toMatch(
    new RegExp(`^${third} +completed +chat-small +/v1/chat/completions +20.*Z +\\d+s +0 +-$`),
  );
  expect((await (await caller()).spillway("jobs", "list")).stdout).toBe("No such jobs.\n");
});

const endedJob = (number: number) => ({
  id: `job_${number}`,
  endpoint: "/v1/embeddings",
  model: "m",
  status: "completed",
  created_at: 1,
  started_at: 1,
  completed_at: 2,
  expires_at: 3,
  provider: "gpu",
  attempts: 1,
  error: null,
  cost: { amount: "0", estimated: false },
});

test("a list longer than a page is read to its end", async () => {
  const asked: string[] = [];
  const url = await serveOnce((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://any");
    asked.push(`${searchParams.get("after") ?? "-"}/${searchParams.get("limit")}`);
    const from = Number((searchParams.get("after") ?? "job_-1").slice(4)) + 1;
    const data = Array.from({ length: Number(searchParams.get("limit")) }, (_, index) =>
      endedJob(from + index),
    );
    response.end(JSON.stringify({ object: "list", data, has_more: true }));
  });
  const env = { SPILLWAY_URL: url, SPILLWAY_API_KEY: "sk-any" };
  const { stdout } = await runClient(env, ["jobs", "list", "--limit", "230", "--json"]);
  const ids = (JSON.parse(stdout) as { data: { id: string }[] }).data.map(({ id }) => id);
  expect(new Set(ids).size).toBe(230);
  expect(asked).toEqual(["-/100", "job_99/100", "job_199/30"]);
});

test("show tells of a job, also by its response's id, but not of another key's", async () => {
  const { spillway, json, begin } = await caller();
  const id = await begin("chat-small");
  await spillway("jobs", "wait", id);
  const { stdout } = await spillway("jobs", "show", id);
  for (const line of [`id        ${id}`, "status    completed", "provider  gpu", "attempts  1"])
    expect(stdout.split("\n")).toContain(line);
  expect(await json("jobs", "show", id.replace("job_", "resp_"))).toMatchObject({
    id,
    object: "job",
  });
  const { error } = await (await caller()).spillway("jobs", "show", id);
  expect(error?.message).toMatch(/^404 not_found: /);
});

test("wait prints the job or its result, and fails unless it is completed", async () => {
  const { spillway, begin } = await caller();
  const good = await begin("chat-small");
  expect(await spillway("jobs", "wait", good)).toMatchObject({
    stdout: expect.stringMatching(new RegExp(`\n${good} +completed`)),
    error: undefined,
  });
  expect(await spillway("jobs", "wait", good, "--result")).toMatchObject({ stdout: "tok0 tok1\n" });
  const whole = await spillway("jobs", "wait", good, "--result", "--json");
  expect(JSON.parse(whole.stdout)).toMatchObject({ object: "chat.completion" });

  const bad = await begin("chat-bad");
  const failed = await spillway("jobs", "wait", bad, "--result");
  expect(failed.stdout).toBe("");
  expect(failed.error?.message).toMatch(new RegExp(`^${bad} ended as failed: upstream_rejected: `));
});

test("wait ends with a cancelled job, and says so", async () => {
  const { spillway, begin } = await caller();
  const id = await begin("chat-stuck");
  const waiting = spillway("jobs", "wait", id);
  await eventually(async () =>
    expect((await spillway("jobs", "show", id)).stdout).toContain("in_progress"),
  );
  const cancelled = await spillway("jobs", "cancel", id);
  expect(cancelled.stdout).toMatch(new RegExp(`\n${id} +cancelled`));
  expect((await waiting).error?.message).toMatch(new RegExp(`^${id} ended as cancelled`));
  expect(await spillway("jobs", "cancel", id)).toEqual(cancelled);
});

test("wait outlasts a broker that is away for a while", async () => {
  const { begin, key } = await caller();
  const id = await begin("chat-small");
  let asked = 0;
  const url = await serveOnce((request, response) => {
    asked++;
    if (asked === 1) request.socket.destroy();
    else if (asked === 2) response.writeHead(503).end("down");
    else
      void fetch(`${broker.url}${request.url}`, { headers: { authorization: `Bearer ${key}` } })
        .then((answer) => answer.text())
        .then((text) => response.end(text));
  });
  const env = { SPILLWAY_URL: url, SPILLWAY_API_KEY: key };
  const { stdout, error } = await runClient(env, ["jobs", "wait", id]);
  expect(error).toBeUndefined();
  expect(stdout).toContain("completed");
  expect(asked).toBeGreaterThan(2);
});

test.each([
  [["list", "--status", "lost"], /Allowed choices are queued, in_progress/],
  [["list", "--limit", "many"], /Must be a whole number/],
  [["show", "job_none"], /^404 not_found: /],
  [["wait", "../keys"], /^404 /],
  [["show"], /missing required argument 'id'/],
  [["show", ""], /argument 'id'. Must not be empty/],
  [["wait", " "], /argument 'id'. Must not be empty/],
])("jobs %j fails with its reason", async (words, message) => {
  const { error, stdout } = await (await caller()).spillway("jobs", ...words);
  expect(error?.message).toMatch(message);
  expect(stdout).toBe("");
});
