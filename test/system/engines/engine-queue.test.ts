import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readGauge } from "../../../workers/engines/engine-loads.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { playedLlamacpp, playedVllm } from "../../support/played-engine.ts";
import { completeChat, startPlayedServer, type PlayedServer } from "../../support/played-server.ts";

let vllm: PlayedServer;
let llamacpp: PlayedServer;
let cloud: PlayedServer;
let broker: TestBroker;
let key: string;

/** So often the broker has read vLLM's metrics. */
let polls = 0;

/** vLLM's metrics show this many calls in its own queue. */
function queued(waiting: number): void {
  const text = `vllm:num_requests_running{engine="0"} 2.0\nvllm:num_requests_waiting{engine="0"} ${waiting}.0\n`;
  vllm.answers = {
    ...playedVllm,
    get "/metrics"() {
      polls++;
      return { status: 200, text };
    },
  };
}

/** llama.cpp shows this many slots at work. */
function working(tasks: number): void {
  const slots = [0, 1, 2, 3].map((id) => ({ id, id_task: id, is_processing: id < tasks }));
  llamacpp.answers = {
    ...playedLlamacpp,
    "/slots": { status: 200, text: JSON.stringify(slots) },
  };
}

beforeAll(async () => {
  vllm = await startPlayedServer(playedVllm);
  llamacpp = await startPlayedServer(playedLlamacpp);
  cloud = await startPlayedServer({});
  broker = await startTestBroker({
    providers: {
      vllm: { baseUrl: vllm.url, brokerSlots: 4, yaml: "engine: vllm" },
      llamacpp: { baseUrl: llamacpp.url, brokerSlots: 1, yaml: "engine: llamacpp" },
      cloud: { baseUrl: cloud.url, location: "cloud" },
    },
    models: [
      "  m: { serve: [{ provider: vllm, model: tiny }], overflow: [{ provider: cloud, model: m }], overflow_when: { waited: 500ms } }",
      "  local: { serve: [{ provider: vllm, model: tiny }] }",
      "  l: { serve: [{ provider: llamacpp, model: m }] }",
    ].join("\n"),
  });
  ({ key } = await broker.key());
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([vllm.close(), llamacpp.close(), cloud.close()]);
});
beforeEach(() => {
  for (const played of [vllm, llamacpp, cloud]) {
    played.calls.splice(0);
    played.answer = (body, response) => completeChat(body, response);
  }
});

async function ask(model: string, signal?: AbortSignal) {
  const response = await fetch(`${broker.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }),
    ...(signal === undefined ? {} : { signal }),
  });
  await response.arrayBuffer();
  const { headers, status } = response;
  return {
    status,
    provider: headers.get("x-spillway-provider"),
    job: headers.get("x-spillway-job-id") ?? "",
  };
}

/** Later calls get no byte until the returned function is called. */
function holdCalls(played: PlayedServer): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  played.answer = async (body, response) => {
    await promise;
    completeChat(body, response);
  };
  return resolve;
}

describe("an engine's own queue", () => {
  it("counts as waiting: a call in it goes to the overflow, and the next is not sent there", async () => {
    queued(6);
    const release = holdCalls(vllm);
    const first = await ask("m");
    expect(first).toMatchObject({ status: 200, provider: "cloud" });
    const { data } = await broker.admin<{ data: { error_code: string | null }[] }>(
      "GET",
      `/admin/ledger?job_id=${first.job}`,
    );
    expect(data.map((row) => row.error_code)).toContain("engine_queue");
    const { rows } = await broker.database.pool.query<{ tries: number }>(
      "select tries from jobs where id = $1",
      [first.job],
    );
    expect(rows).toEqual([{ tries: 1 }]);

    const held = ask("local");
    await eventually(() => expect(vllm.calls).toHaveLength(2));
    // Two polls show the queue: from then on the engine gets only one call of this broker.
    const before = polls;
    await eventually(() => expect(polls).toBeGreaterThanOrEqual(before + 2));
    expect(await ask("m")).toMatchObject({ status: 200, provider: "cloud" });
    expect(vllm.calls).toHaveLength(2);
    queued(0);
    release();
    expect(await held).toMatchObject({ status: 200, provider: "vllm" });
    expect(await ask("m")).toMatchObject({ status: 200, provider: "vllm" });
  });

  it("is no matter where it is empty: a slow answer stays where it is", async () => {
    queued(0);
    const release = holdCalls(vllm);
    const answer = ask("m");
    await eventually(() => expect(vllm.calls).toHaveLength(1));
    await sleep(1_500);
    expect(cloud.calls).toHaveLength(0);
    release();
    expect(await answer).toMatchObject({ status: 200, provider: "vllm" });
  });
});

it("a slot whose call was cut is free when the engine says so", async () => {
  working(1);
  const release = holdCalls(llamacpp);
  const caller = new AbortController();
  const gone = ask("l", caller.signal).catch(() => "gone");
  await eventually(() => expect(llamacpp.calls).toHaveLength(1));
  caller.abort();
  expect(await gone).toBe("gone");
  const next = ask("l");
  // The broker asks after 0.2 s, and then every 1.5 s.
  await sleep(1_000);
  expect(llamacpp.calls).toHaveLength(1);
  working(0);
  release();
  expect((await next).status).toBe(200);
  expect(llamacpp.calls).toHaveLength(2);
});

it("reads a gauge over all its labels, under the first name that is there", () => {
  const text = [
    "# HELP sglang:num_queue_reqs The number of requests in the waiting queue.",
    'sglang:num_queue_reqs{tp_rank="0"} 3.0',
    'sglang:num_queue_reqs{tp_rank="1"} 1.0',
    "sglang:num_queue_reqs_total 9",
  ].join("\n");
  expect(readGauge(text, ["sglang_num_queue_reqs", "sglang:num_queue_reqs"])).toBe(4);
  expect(readGauge(text, ["llamacpp:requests_deferred"])).toBeUndefined();
});
