import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startSides, sideNames, type Side, type Sides } from "./openai-sides.ts";
import { withoutRescue } from "./without-rescue.ts";

const messages = [{ role: "user" as const, content: "Hello" }];

interface Rows {
  readonly data: readonly { readonly status: string; readonly job_id: string }[];
}

describe.each(sideNames)("%s", (name) => {
  let sides: Sides;
  let side: Side;
  beforeAll(async () => {
    sides = await startSides();
  });
  afterAll(() => sides.stop());
  beforeEach(() => {
    side = sides.side(name);
    side.upstream.reset();
  });

  const upstreamStopped = (): Promise<void> =>
    eventually(() => {
      const { calls, aborted, inFlight, bytesAfterAbort } = side.upstream.counters();
      expect({ calls, aborted, inFlight, bytesAfterAbort }).toEqual({
        calls: 1,
        aborted: 1,
        inFlight: 0,
        bytesAfterAbort: 0,
      });
    });

  test("aborting a call stops the generation", async () => {
    side.upstream.setFault({ type: "hang" });
    const abort = new AbortController();
    const call = side
      .client()
      .chat.completions.create({ model: "chat", messages }, { signal: abort.signal });
    call.catch(() => undefined);
    await eventually(() => expect(side.upstream.counters().inFlight).toBe(1));
    abort.abort();
    await expect(call).rejects.toThrow(OpenAI.APIUserAbortError);
    await upstreamStopped();
  });

  test("aborting a stream before its first token stops the generation", async () => {
    side.upstream.setFault({ type: "hang" });
    const abort = new AbortController();
    const call = side
      .client()
      .chat.completions.create({ model: "chat", messages, stream: true }, { signal: abort.signal });
    call.catch(() => undefined);
    await eventually(() => expect(side.upstream.counters().inFlight).toBe(1));
    abort.abort();
    await expect(call).rejects.toThrow(OpenAI.APIUserAbortError);
    await upstreamStopped();
  });

  test.each(["its controller", "a signal", "leaving the loop"])(
    "aborting a stream after the first token by %s stops the generation",
    async (way) => {
      side.upstream.setFault({ type: "hang_after", tokens: 2 });
      const abort = new AbortController();
      const stream = await side
        .client()
        .chat.completions.create(
          { model: "chat", messages, stream: true },
          { signal: abort.signal },
        );
      for await (const { choices } of stream) {
        if (choices[0]?.delta.content !== "tok0") continue;
        if (way === "leaving the loop") break;
        if (way === "a signal") abort.abort();
        else stream.controller.abort();
      }
      await upstreamStopped();
    },
  );
});

describe("what the broker makes of it", () => {
  let broker: TestBroker;
  let client: OpenAI;
  beforeAll(async () => {
    broker = await startTestBroker({
      providers: {
        gpu: {
          slots: 1,
          price: { input: 1, output: 1 },
          yaml: "timeouts: { first_byte: 1h, idle: 1h }",
        },
      },
      cadences: withoutRescue,
      models: [
        "  chat:",
        "    serve: [{ provider: gpu, model: m }]",
        "    no_capacity: reject",
        "    max_output_tokens: 100",
      ].join("\n"),
    });
    const { key } = await broker.key({ budget: { limit_usd: 1, period: "day" } });
    client = new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 });
  });
  afterAll(() => broker.stop());
  beforeEach(() => broker.upstreams["gpu"]?.reset());

  const gpu = () => {
    const { gpu: simulator } = broker.upstreams;
    if (simulator === undefined) throw new Error("no gpu");
    return simulator;
  };

  const isHealthy = async (): Promise<boolean | undefined> => {
    const { data } = await broker.admin<{ data: { healthy: boolean }[] }>(
      "GET",
      "/admin/providers",
    );
    return data[0]?.healthy;
  };

  test("an aborted call is a cancelled row, an aborted wait is none; nothing stays held", async () => {
    gpu().setFault({ type: "hang" });
    const running = new AbortController();
    const waiting = new AbortController();
    const call = (signal: AbortSignal): Promise<unknown> =>
      client.chat.completions.create({ model: "chat", messages }, { signal });
    const first = call(running.signal).catch((error: unknown) => error);
    await eventually(() => expect(gpu().counters().inFlight).toBe(1));
    const second = call(waiting.signal).catch((error: unknown) => error);
    const states = async (): Promise<string[]> => {
      const { rows } = await broker.database.pool.query<{ state: string }>(
        "select state from jobs order by accepted_at",
      );
      return rows.map(({ state }) => state);
    };
    await eventually(async () => expect(await states()).toEqual(["running", "waiting"]));
    waiting.abort();
    expect(await second).toBeInstanceOf(OpenAI.APIUserAbortError);
    await eventually(async () => expect(await states()).toEqual(["running", "cancelled"]));
    running.abort();
    expect(await first).toBeInstanceOf(OpenAI.APIUserAbortError);
    await eventually(async () => expect(await states()).toEqual(["cancelled", "cancelled"]));

    const { data } = await broker.admin<Rows>("GET", "/admin/ledger");
    expect(data.map(({ status }) => status)).toEqual(["cancelled"]);
    expect(gpu().counters()).toMatchObject({ calls: 1, aborted: 1, inFlight: 0 });
    const { rows } = await broker.database.pool.query(
      "select sum(held_nanos)::text as held from budget_periods",
    );
    expect(rows).toEqual([{ held: "0" }]);
    gpu().setFault(null);
    const next = await client.chat.completions.create({ model: "chat", messages, max_tokens: 1 });
    expect(next.choices[0]?.message.content).toBe("tok0");
  });

  test("a failing upstream is tried again behind the caller's back", async () => {
    gpu().setFault({ type: "status", status: 500, times: 1 });
    const { data, response } = await client.chat.completions
      .create({ model: "chat", messages, max_tokens: 1 })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("tok0");
    expect(response.headers.get("x-spillway-attempts")).toBe("2");
  });

  test("the SDK's retries after 503 succeed when capacity returns", async () => {
    await gpu().close();
    const create = { model: "chat", messages, max_tokens: 1 };
    // The request that first finds the provider gone gets the same error as later ones.
    const first = client.withOptions({ maxRetries: 0 }).chat.completions.create(create);
    await expect(first).rejects.toMatchObject({ status: 503, code: "no_capacity" });
    await eventually(async () => expect(await isHealthy()).toBe(false));
    const statuses: number[] = [];
    const patient = client.withOptions({
      maxRetries: 2,
      async fetch(...request) {
        const response = await fetch(...request);
        statuses.push(response.status);
        if (statuses.length === 1) {
          await gpu().restart();
          await eventually(async () => expect(await isHealthy()).toBe(true));
        }
        return response;
      },
    });
    const answer = await patient.chat.completions.create(create);
    expect(answer.choices[0]?.message.content).toBe("tok0");
    expect(statuses).toEqual([503, 200]);
  });
});
