import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chatBody, startJobsRig, WHOLE, type JobsRig } from "./jobs-rig.ts";

let rig: JobsRig;
let client: OpenAI;
beforeAll(async () => {
  rig = await startJobsRig();
  client = rig.client();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const messages = [{ role: "user" as const, content: "Hi [sim output=2]" }];
const stored = { model: "chat", messages, store: true };

test("a stored completion is read, found, changed and deleted under the id that it came with", async () => {
  const made = await client.chat.completions.create({ ...stored, metadata: { order: "17" } });
  expect(made.id).toMatch(/^chatcmpl-[0-9a-f]{32}$/);
  const read = await client.chat.completions.retrieve(made.id);
  expect(read).toEqual({ ...made, metadata: { order: "17" } });
  await client.chat.completions.create({ ...stored, metadata: { order: "18" } });

  const found = async (query: OpenAI.ChatCompletionListParams): Promise<string[]> => {
    const ids: string[] = [];
    for await (const each of client.chat.completions.list({ limit: 1, ...query }))
      ids.push(each.id);
    return ids;
  };
  expect(await found({})).toHaveLength(2);
  expect((await found({ order: "desc" })).at(-1)).toBe(made.id);
  expect(await found({ metadata: { order: "17" } })).toEqual([made.id]);
  expect(await found({ model: "nonesuch" })).toEqual([]);

  const changed = await client.chat.completions.update(made.id, { metadata: { order: "19" } });
  expect(changed).toEqual({ ...made, metadata: { order: "19" } });
  expect(await found({ metadata: { order: "17" } })).toEqual([]);
  const asked = await client.chat.completions.messages.list(made.id);
  expect(asked.data).toEqual([{ ...messages[0], id: `${made.id}-0` }]);

  expect(await client.chat.completions.delete(made.id)).toMatchObject({
    id: made.id,
    deleted: true,
  });
  await expect(client.chat.completions.retrieve(made.id)).rejects.toThrow(OpenAI.NotFoundError);
  expect(await found({})).toHaveLength(1);
});

function callsOf(message: OpenAI.ChatCompletionMessage | undefined): unknown {
  return message?.tool_calls?.map((call) => [
    call.id,
    call.type === "function" ? [call.function.name, call.function.arguments] : call,
  ]);
}

test("a stored stream is put together", async () => {
  const tools = [{ type: "function" as const, function: { name: "f", parameters: {} } }];
  const calls = {
    ...stored,
    messages: [{ role: "user" as const, content: "Hi [sim calls=2]" }],
    tools,
  };
  for (const request of [stored, calls]) {
    const streamed = client.chat.completions.stream({
      ...request,
      stream_options: { include_usage: true },
    });
    const whole = await streamed.finalChatCompletion();
    const read = await client.chat.completions.retrieve(whole.id);
    expect(read).toMatchObject({ id: whole.id, object: "chat.completion", usage: whole.usage });
    const [choice, expected] = [read.choices[0], whole.choices[0]];
    expect(choice?.finish_reason).toBe(expected?.finish_reason);
    expect(choice?.message.content).toBe(expected?.message.content);
    expect(callsOf(choice?.message)).toEqual(callsOf(expected?.message));
  }
});

test("it is a 409 until it is there, and its numbers stay as the engine wrote them", async () => {
  const made = client.chat.completions.create({ ...stored, model: "once" });
  const call = await rig.played.next();
  const [job] = (await rig.json<{ data: { id: string }[] }>("/jobs?model=once")).data;
  const id = job?.id.replace("job_", "chatcmpl-") ?? "";
  expect((await rig.ask(`/chat/completions/${id}`)).status).toBe(409);
  call.answer(WHOLE);
  expect((await made).id).toBe(id);
  const { text } = await rig.ask(`/chat/completions/${id}`);
  expect(text).toContain('"big":12345678901234567890');
  expect(text).toContain(`"id":"${id}"`);
});

test("nobody else reads it, and what was not stored is not there", async () => {
  const made = await client.chat.completions.create(stored);
  const other = rig.client((await rig.broker.key()).key);
  await expect(other.chat.completions.retrieve(made.id)).rejects.toThrow(OpenAI.NotFoundError);
  expect((await other.chat.completions.list()).data).toEqual([]);
  const job = await rig.accept("chat");
  const unstored = job.id.replace("job_", "chatcmpl-");
  await expect(client.chat.completions.retrieve(unstored)).rejects.toThrow("'store': true");
  const plain = await rig.json<{ id: string }>("/chat/completions", { body: chatBody("chat") });
  expect((await rig.ask(`/chat/completions/${plain.id}`)).status).toBe(404);
  const wrong = { metadata: { order: 17 } };
  const path = `/chat/completions/${made.id}`;
  expect(await rig.ask(path, { body: wrong })).toMatchObject({ status: 400 });
  expect(await rig.ask("/chat/completions?after=%00")).toMatchObject({ status: 400 });
});

test("a page ends where completions would no longer fit into memory", async () => {
  const metadata = { size: "large" };
  const text = "x".repeat(5_000_000);
  for (const _each of [1, 2, 3]) {
    const made = client.chat.completions.create({ model: "once", messages, store: true, metadata });
    (await rig.played.next()).say(text);
    await made;
  }
  const page = await client.chat.completions.list({ metadata, limit: 100 });
  expect(page.data).toHaveLength(2);
  expect(page.has_more).toBe(true);
  const ids = new Set<string>();
  for await (const { id } of client.chat.completions.list({ metadata })) ids.add(id);
  expect(ids.size).toBe(3);
});
