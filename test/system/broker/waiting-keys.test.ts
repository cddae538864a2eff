import { afterAll, beforeAll, expect, test } from "vitest";
import { startPlayedUpstream, type PlayedUpstream } from "../jobs/played-upstream.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, type Answer } from "./ask.ts";
import { expectNothingOpen } from "./budget-view.ts";

/**
 * A request holds and costs at most 4 tokens at 1 USD a million; the API takes the number as
 * decimal text.
 */
const REQUEST_USD = "0.000004";

let upstream: PlayedUpstream;
let broker: TestBroker;
/** The key whose request has the only slot. */
let holder: string;
beforeAll(async () => {
  upstream = await startPlayedUpstream();
  broker = await startTestBroker({
    providers: { gpu: { baseUrl: upstream.url, brokerSlots: 1, price: { input: 0, output: 1 } } },
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
  holder = (await broker.key()).key;
});
afterAll(async () => {
  await broker.stop();
  await upstream.close();
});

interface Waiting {
  readonly interactive: Promise<Answer>;
  /** Reads the accepted job after its end, as its caller would. */
  accepted(): Promise<{ status: string; error: { code: string } | null; result: number }>;
}

/**
 * Changes the key while another key has the slot, and one request with a waiting caller and one
 * accepted job of this key wait.
 */
async function whileTheyWait(
  fields: Record<string, unknown>,
  change: (id: string) => Promise<unknown>,
): Promise<Waiting> {
  const { key, id } = await broker.key(fields);
  const held = ask(broker, { key: holder });
  const call = await upstream.next();
  const interactive = ask(broker, { key });
  const headers = { prefer: "respond-async" };
  const job = JSON.parse((await ask(broker, { key, headers })).text) as { id: string };
  const { pool } = broker.database;
  await eventually(async () => {
    const text = "select 1 from jobs where key_id = $1 and state = 'waiting'";
    expect((await pool.query(text, [id])).rows).toHaveLength(2);
  });
  await change(id);
  call.answer(answerOf("held"));
  expect((await held).status).toBe(200);
  const read = async (path: string): Promise<Response> =>
    fetch(`${broker.url}/v1/jobs/${job.id}${path}`, {
      headers: { authorization: `Bearer ${await usable(id, key)}` },
    });
  return {
    interactive,
    async accepted() {
      await eventually(async () => {
        const text = "select 1 from jobs where id = $1 and ended_at is not null";
        expect((await pool.query(text, [job.id])).rows).toHaveLength(1);
      });
      const { status, error } = (await (await read("")).json()) as {
        status: string;
        error: { code: string } | null;
      };
      return { status, error, result: (await read("/result")).status };
    },
  };
}

/** An expired key could not read its own job, so the key becomes valid again first. */
async function usable(id: string, key: string): Promise<string> {
  await broker.database.pool.query("update keys set expires_at = null where id = $1", [id]);
  await eventually(async () => {
    const headers = { authorization: `Bearer ${key}` };
    expect((await fetch(`${broker.url}/v1/models`, { headers })).status).toBe(200);
  });
  return key;
}

function answerOf(content: string): object {
  return {
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
}

function codeOf({ text }: Answer): string {
  return (JSON.parse(text) as { error: { code: string } }).error.code;
}

const budget = { limit_usd: "0.00004", period: "total" };
const patch = (fields: object) => (id: string) =>
  broker.admin("PATCH", `/admin/keys/${id}`, fields);

test.each([
  ["a lowered budget", patch({ budget: { limit_usd: "0.000003" } }), 402, "insufficient_quota"],
  ["a narrowed model list", patch({ models: ["other"] }), 403, "permission_denied"],
  [
    "an expired key",
    (id: string) =>
      broker.database.pool.query("update keys set expires_at = now() where id = $1", [id]),
    401,
    "invalid_api_key",
  ],
])("%s ends what waits, on every channel, before it costs", async (_, change, status, code) => {
  const calls = upstream.count + 1;
  const { interactive, accepted } = await whileTheyWait({ budget }, change);
  const answer = await interactive;
  expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  const job = await accepted();
  expect(job.error?.code).toBe(code);
  expect(job.result).toBe(status);
  expect(upstream.count).toBe(calls);
  await expectNothingOpen(broker);
});

test("a budget that covers one of two: the first in line runs, the other ends", async () => {
  const change = patch({ budget: { limit_usd: REQUEST_USD } });
  const { interactive, accepted } = await whileTheyWait({ budget }, change);
  const call = await upstream.next();
  call.answer(answerOf("covered"));
  expect((await interactive).status).toBe(200);
  expect((await accepted()).error?.code).toBe("insufficient_quota");
  await expectNothingOpen(broker);
});
