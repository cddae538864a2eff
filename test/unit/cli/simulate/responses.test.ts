import type OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { expect, test } from "vitest";
import { z } from "zod";
import { clientOf, post, readToEnd, testSimulator } from "./support.ts";

type Event = OpenAI.Responses.ResponseStreamEvent;

const weather = {
  type: "function",
  name: "weather",
  strict: true,
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer" }, note: { type: "string" } },
    required: ["city", "days"],
  },
} as const;

async function eventsOf(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

test("answers with a whole response: text, usage in detail, and what was asked", async () => {
  const simulator = await testSimulator();
  const response = await clientOf(simulator).responses.create(
    { model: "m", input: "12345678", max_output_tokens: 20, store: false, metadata: { a: "b" } },
    { headers: { "x-client-request-id": "job.1" } },
  );
  expect(response).toMatchObject({
    object: "response",
    status: "completed",
    model: "m",
    store: false,
    metadata: { a: "b" },
    max_output_tokens: 20,
    error: null,
    incomplete_details: null,
    usage: {
      input_tokens: 2,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 16,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 18,
    },
  });
  expect(response.output_text.split(" ")).toHaveLength(16);
  expect(simulator.counters().requests["job.1"]).toMatchObject({
    ok: true,
    promptTokens: 2,
    completionTokens: 16,
  });
});

test("streams the events in OpenAI's order, numbered from 0", async () => {
  const simulator = await testSimulator();
  const request = { model: "m", input: "hi [sim output=2]", stream: true } as const;
  const events = await eventsOf(await clientOf(simulator).responses.create(request));
  expect(events.map(({ type }) => type)).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(events.map((event) => event.sequence_number)).toEqual([...events.keys()]);
  expect(events.at(-1)).toMatchObject({
    response: { status: "completed", usage: { output_tokens: 2 } },
  });
});

test("ends as incomplete where max_output_tokens cuts, streamed or not", async () => {
  const simulator = await testSimulator();
  const client = clientOf(simulator);
  const request = { model: "m", input: "hi", max_output_tokens: 3 };
  const incomplete = {
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
    output: [{ status: "incomplete", content: [{ text: "tok0 tok1 tok2" }] }],
  };
  expect(await client.responses.create(request)).toMatchObject(incomplete);
  const events = await eventsOf(await client.responses.create({ ...request, stream: true }));
  expect(events.at(-1)).toMatchObject({ type: "response.incomplete", response: incomplete });
});

test.each(["gpu", "cloud"] as const)(
  "what a %s streams adds up to the response that it ends with",
  async (kind) => {
    const simulator = await testSimulator({ kind, reasoningTokens: 2 });
    const client = clientOf(simulator);
    for (const input of ["hi", "[sim calls=2]", "[sim echo] 👩‍👩‍👧 \ud800 \\"]) {
      const request = { model: "m", input, tools: [weather] };
      const seen = await eventsOf(await client.responses.create({ ...request, stream: true }));
      const done = seen.flatMap((event) =>
        event.type === "response.output_item.done" ? [event.item] : [],
      );
      const last = seen.at(-1);
      expect(last?.type).toBe("response.completed");
      const ended = last?.type === "response.completed" ? last.response : undefined;
      expect(done).toEqual(ended?.output);
      // The SDK's helper is strict, and does not know the events that only vLLM has for reasoning.
      if (kind === "cloud") await client.responses.stream(request).finalResponse();
      expect(ended?.output[0]?.type).toBe("reasoning");
      const deltas = seen.flatMap((event) =>
        "delta" in event && typeof event.delta === "string" ? [event.delta] : [],
      );
      expect(deltas.length).toBe(ended?.usage?.output_tokens);
      const whole = await client.responses.create(request);
      expect(shapesOf(whole.output)).toEqual(shapesOf(ended?.output ?? []));
      expect(whole.usage?.output_tokens_details.reasoning_tokens).toBe(2);
    }
  },
);

/** Removes the fields that name each item. */
function shapesOf(output: readonly object[]): unknown {
  const text = JSON.stringify(output);
  return JSON.parse(text.replace(/sim\d+_/g, "sim_"));
}

test("calls functions after a user's message, and speaks after their results", async () => {
  const simulator = await testSimulator();
  const { responses } = clientOf(simulator);
  const request = { model: "m", tools: [weather, { ...weather, name: "climate" }] };
  const question = { role: "user" as const, content: "[sim calls=2] Weather?" };
  const first = await responses.create({ ...request, input: [question] });
  const calls = first.output.filter((item) => item.type === "function_call");
  expect(calls).toMatchObject([{ name: "weather" }, { name: "climate" }]);
  expect(calls.map((call): unknown => JSON.parse(call.arguments))).toEqual(
    [1, 1].map((days) => ({ city: "some city", days })),
  );
  const results = calls.map(({ call_id }) => ({
    type: "function_call_output" as const,
    call_id,
    output: "rain",
  }));
  const second = await responses.create({ ...request, input: [question, ...calls, ...results] });
  expect(second.output_text).toMatch(/^tok0 /);
  const lonely = responses.create({ ...request, input: [question, ...results] });
  await expect(lonely).rejects.toMatchObject({ status: 400 });
  const unanswered = responses.create({ ...request, input: [question, ...calls] });
  await expect(unanswered).rejects.toMatchObject({ status: 400 });
});

test("follows a JSON schema", async () => {
  const simulator = await testSimulator();
  const shape = z.object({
    name: z.string(),
    size: z.enum(["small", "big"]),
    count: z.number().min(3),
    tags: z.array(z.string()),
    inner: z.object({ maybe: z.string().nullable() }),
  });
  const response = await clientOf(simulator).responses.parse({
    model: "m",
    input: "hi",
    text: { format: zodTextFormat(shape, "thing") },
  });
  expect(response.output_parsed).toEqual({
    name: "some name",
    size: "small",
    count: 3,
    tags: ["some tags"],
    inner: { maybe: "some maybe" },
  });
});

test("keeps nothing: what refers to something kept is not found", async () => {
  const { responses } = clientOf(await testSimulator({ kind: "cloud" }));
  const notFound = { status: 404 };
  const ask = (fields: object) => responses.create({ model: "m", input: "hi", ...fields });
  await expect(ask({ previous_response_id: "resp_1" })).rejects.toMatchObject(notFound);
  await expect(ask({ input: [{ type: "item_reference", id: "msg_1" }] })).rejects.toMatchObject(
    notFound,
  );
  const thought = { type: "reasoning", id: "rs_1", summary: [] };
  await expect(ask({ input: [thought] })).rejects.toMatchObject(notFound);
  await expect(ask({ background: true })).rejects.toMatchObject({ status: 400 });
  await expect(ask({ input: [] })).rejects.toMatchObject({ status: 400 });
  const readable = { ...thought, encrypted_content: "x" };
  const user = { role: "user", content: "hi" };
  expect(await ask({ input: [readable, user] })).toMatchObject({ status: "completed" });
});

test("is not there when told so, and no call then", async () => {
  const simulator = await testSimulator({ responses: false });
  const response = await post(simulator, "/responses", { model: "m", input: "hi" });
  await readToEnd(response);
  expect(response.status).toBe(404);
  expect(simulator.counters().calls).toBe(0);
});

test("shows what its last calls asked for", async () => {
  const simulator = await testSimulator({ rememberedBodies: 2 });
  for (const input of ["one", "two", "three"]) {
    await readToEnd(await post(simulator, "/responses", { model: "m", input }, { id: input }));
  }
  expect(simulator.bodies()).toEqual([
    { endpoint: "responses", clientRequestId: "two", body: { model: "m", input: "two" } },
    { endpoint: "responses", clientRequestId: "three", body: { model: "m", input: "three" } },
  ]);
  const over = await fetch(new URL("/sim/bodies", simulator.url));
  expect(await over.json()).toEqual(simulator.bodies());
  simulator.reset();
  expect(simulator.bodies()).toEqual([]);
});
