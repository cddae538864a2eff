import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { beginTurn } from "../../../shared/conversations/begin-turn.ts";
import { forgetConversations } from "../../../shared/conversations/forget-conversations.ts";
import { startRecordingUpstream, type RecordingUpstream } from "../broker/recording-upstream.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

let broker: TestBroker;
let client: OpenAI;
let stranger: OpenAI;
let odd: RecordingUpstream;
beforeAll(async () => {
  odd = await startRecordingUpstream();
  broker = await startTestBroker({
    providers: {
      native: { slots: 1 },
      translated: { yaml: "responses: translate" },
      odd: { baseUrl: odd.url, yaml: "responses: native" },
    },
    models: ["native", "translated", "odd"]
      .map(
        (name) => `  ${name}: { serve: [{ provider: ${name}, model: m }], max_output_tokens: 500 }`,
      )
      .join("\n"),
  });
  const clientOf = async () =>
    new OpenAI({ apiKey: (await broker.key()).key, baseURL: broker.baseUrl, maxRetries: 0 });
  client = await clientOf();
  stranger = await clientOf();
});
afterAll(async () => {
  await broker.stop();
  await odd.close();
});
beforeEach(() => {
  for (const upstream of Object.values(broker.upstreams)) upstream.reset();
});

const asked = (model: string) => JSON.stringify(broker.upstreams[model]?.bodies());
const notFound = { status: 404, code: "not_found" };
const textsOf = async (id: string) => {
  const texts: string[] = [];
  for await (const item of client.conversations.items.list(id, { order: "asc", limit: 2 }))
    if (item.type === "message") {
      const [part] = item.content;
      texts.push(`${item.role}: ${part !== undefined && "text" in part ? part.text : "?"}`);
    } else texts.push(item.type);
  return texts;
};

it("is created, read, changed and deleted, by its own key alone", async () => {
  const made = await client.conversations.create({
    metadata: { topic: "dams" },
    items: [{ role: "user", content: "Hello" }],
  });
  expect(made).toMatchObject({ object: "conversation", metadata: { topic: "dams" } });
  expect(made.id).toMatch(/^conv_[0-9a-f]{32}$/);
  expect(await client.conversations.retrieve(made.id)).toEqual(made);
  await expect(stranger.conversations.retrieve(made.id)).rejects.toMatchObject(notFound);
  await expect(stranger.conversations.delete(made.id)).rejects.toMatchObject(notFound);
  const items = [{ role: "user" as const, content: "x" }];
  await expect(stranger.conversations.items.create(made.id, { items })).rejects.toMatchObject(
    notFound,
  );
  await expect(
    stranger.responses.create({ model: "native", input: "x", conversation: made.id }),
  ).rejects.toMatchObject({ ...notFound, param: "conversation" });
  const changed = await client.conversations.update(made.id, { metadata: { topic: "weirs" } });
  expect(changed).toEqual({ ...made, metadata: { topic: "weirs" } });
  const { id } = made;
  expect(await client.conversations.delete(id)).toEqual({
    id,
    object: "conversation.deleted",
    deleted: true,
  });
  await expect(client.conversations.retrieve(id)).rejects.toMatchObject(notFound);
  await expect(client.conversations.items.list(id)).rejects.toMatchObject(notFound);
});

it("keeps items that are added, listed, read and deleted one by one", async () => {
  const { id } = await client.conversations.create();
  const added = await client.conversations.items.create(id, {
    items: [
      { role: "user", content: "One" },
      { role: "assistant", content: "Two" },
      { type: "function_call", call_id: "call_1", name: "f", arguments: "{}" },
    ],
  });
  expect(added.data.map(({ type }) => type)).toEqual(["message", "message", "function_call"]);
  const call = added.data[2]?.id ?? "";
  expect(await textsOf(id)).toEqual(["user: One", "assistant: Two", "function_call"]);
  const newest = await client.conversations.items.list(id, { limit: 1 });
  expect([newest.data[0]?.id, newest.has_more]).toEqual([call, true]);
  expect(await client.conversations.items.retrieve(call, { conversation_id: id })).toEqual(
    added.data[2],
  );
  await client.conversations.items.delete(call, { conversation_id: id });
  expect(await textsOf(id)).toEqual(["user: One", "assistant: Two"]);
  await expect(
    client.conversations.items.retrieve(call, { conversation_id: id }),
  ).rejects.toMatchObject(notFound);
  const many = Array.from({ length: 21 }, () => ({ role: "user" as const, content: "x" }));
  await expect(client.conversations.items.create(id, { items: many })).rejects.toMatchObject({
    status: 400,
    param: "items",
  });
});

it("is read in pages that end where large items would not fit into memory", async () => {
  const { id } = await client.conversations.create({});
  const rest = "x".repeat(5_000_000);
  for (const name of ["a", "b", "c", "d"])
    await client.conversations.items.create(id, {
      items: [{ role: "user", content: name + rest }],
    });
  const page = await client.conversations.items.list(id, { limit: 100, order: "asc" });
  expect(page.data).toHaveLength(2);
  expect(page.has_more).toBe(true);
  const texts = await textsOf(id);
  expect(texts.map((text) => text.slice(0, 7))).toEqual([
    "user: a",
    "user: b",
    "user: c",
    "user: d",
  ]);
  const newest = await client.conversations.items.list(id, { limit: 3, after: page.last_id });
  expect(newest.data).toHaveLength(1);
  expect(newest.has_more).toBe(false);
});

describe.each(["native", "translated"])("a response in a conversation: %s", (model) => {
  it("reads its items first, and adds its input and output once it is done", async () => {
    const { id } = await client.conversations.create({
      items: [{ role: "user", content: "My name is Ada." }],
    });
    const turn = { model, conversation: id };
    const first = await client.responses.create({ ...turn, input: "Who am I? [sim output=1]" });
    expect(first).toMatchObject({ status: "completed", conversation: { id } });
    expect(asked(model)).toMatch(/My name is Ada.*Who am I/s);
    const stream = await client.responses.create({
      ...turn,
      conversation: { id },
      input: [{ role: "user", content: "Again [sim output=2]" }],
      stream: true,
    });
    for await (const { type } of stream) expect(type).not.toBe("error");
    expect(await textsOf(id)).toEqual([
      "user: My name is Ada.",
      "user: Who am I? [sim output=1]",
      "assistant: tok0",
      "user: Again [sim output=2]",
      "assistant: tok0 tok1",
    ]);
    expect(await client.responses.retrieve(first.id)).toMatchObject({ conversation: { id } });
    const { input_tokens: tokens } = await client.responses.inputTokens.count(turn);
    expect(tokens).toBeGreaterThan(30);
  });
});

it("keeps the turns of any number of responses that were done since it was last read", async () => {
  const { id } = await client.conversations.create();
  const inputs = Array.from({ length: 20 }, (_, at) => `${at} [sim output=1]`);
  await Promise.all(
    inputs.map((input) => client.responses.create({ model: "native", conversation: id, input })),
  );
  const texts = await textsOf(id);
  expect(texts).toHaveLength(40);
  expect(new Set(texts)).toEqual(
    new Set(["assistant: tok0", ...inputs.map((input) => `user: ${input}`)]),
  );
});

it("takes two responses at once, each turn whole, and none of one that fails", async () => {
  const { id } = await client.conversations.create();
  const ask = (input: string, fields = {}) =>
    client.responses.create({ model: "native", conversation: id, input, ...fields });
  await Promise.all([ask("A [sim output=1]"), ask("B [sim output=1]")]);
  const texts = await textsOf(id);
  expect(texts).toHaveLength(4);
  expect([texts[1], texts[3]]).toEqual(["assistant: tok0", "assistant: tok0"]);
  expect(texts.filter((text) => text.startsWith("user")).toSorted()).toEqual([
    "user: A [sim output=1]",
    "user: B [sim output=1]",
  ]);
  broker.upstreams["native"]?.setFault({ type: "status", status: 400 }, { times: 1 });
  await expect(ask("C")).rejects.toMatchObject({ status: 400 });
  expect(await textsOf(id)).toEqual(texts);
  const begun = await ask("Gone [sim output=3]", { background: true });
  await client.conversations.delete(id);
  await eventually(async () =>
    expect((await client.responses.retrieve(begun.id)).status).toBe("completed"),
  );
  const { rows } = await broker.database.pool.query("select from conversation_turns");
  expect(rows).toEqual([]);
});

it("keeps an answer whose ids no table takes", async () => {
  const { id } = await client.conversations.create();
  const content = [{ type: "output_text", text: "Hello", annotations: [] }];
  odd.answerWith({
    json: {
      id: "resp_1",
      object: "response",
      status: "completed",
      output: [{ type: "message", id: "msg_\u0000", role: "assistant", content }],
      usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    },
  });
  const answer = await client.responses.create({ model: "odd", conversation: id, input: "Hi" });
  expect(answer.output_text).toBe("Hello");
  expect(await textsOf(id)).toEqual(["user: Hi", "assistant: Hello"]);
});

it("takes any text: NULs and lone surrogates", async () => {
  const strange = "a\u0000b \ud800 [sim echo]";
  const { id } = await client.conversations.create({ items: [{ role: "user", content: strange }] });
  const answer = await client.responses.create({
    model: "native",
    conversation: id,
    input: strange,
  });
  expect(answer.status).toBe("completed");
  expect(await textsOf(id)).toEqual([
    `user: ${strange}`,
    `user: ${strange}`,
    `assistant: ${strange}`,
  ]);
});

it("is kept for a turn that nobody has read yet, however old it is", async () => {
  const { pool } = broker.database;
  const { id } = await client.conversations.create();
  await pool.query("update conversations set touched_at = now() - interval '1 day' where id = $1", [
    id,
  ]);
  await client.responses.create({ model: "native", conversation: id, input: "A [sim output=1]" });
  await forgetConversations(pool, 3_600_000, 100);
  expect(await textsOf(id)).toEqual(["user: A [sim output=1]", "assistant: tok0"]);
});

it("drops the note of a turn whose job was never made or is over", async () => {
  const { pool } = broker.database;
  const { id } = await client.conversations.create();
  const items = [{ role: "user", content: "x" }];
  await beginTurn(pool, `job_${"0".repeat(32)}`, {
    conversation: id,
    items: JSON.stringify(items),
  });
  await forgetConversations(pool, 3_600_000, 100);
  expect((await pool.query("select from conversation_turns")).rowCount).toBe(1);
  await pool.query("update conversation_turns set created_at = now() - interval '2 h'");
  await forgetConversations(pool, 3_600_000, 100);
  expect((await pool.query("select from conversation_turns")).rowCount).toBe(0);
});

it("refuses what cannot be in a conversation", async () => {
  const { id } = await client.conversations.create();
  const ask = (input: string, fields = {}) =>
    client.responses.create({ model: "native", conversation: id, input, ...fields });
  await expect(ask("D", { previous_response_id: `resp_${"0".repeat(32)}` })).rejects.toMatchObject({
    status: 400,
  });
  await expect(ask("D", { store: false })).rejects.toMatchObject({ status: 400, param: "store" });
});

it("is made once for each Idempotency-Key, and forgotten when its items are", async () => {
  const { pool } = broker.database;
  const once = { headers: { "Idempotency-Key": "conversation-1" } };
  const request = { items: [{ role: "user" as const, content: "Hello" }] };
  const { id } = await client.conversations.create(request, once);
  expect((await client.conversations.create(request, once)).id).toBe(id);
  const kept = await client.conversations.create(request);
  await pool.query("update conversations set touched_at = now() - interval '1 day' where id = $1", [
    id,
  ]);
  expect(await forgetConversations(pool, 3_600_000, 100)).toBe(0);
  await pool.query(
    "update conversation_items set created_at = now() - interval '1 day' where conversation_id = $1",
    [id],
  );
  expect(await forgetConversations(pool, 3_600_000, 100)).toBe(1);
  expect(await forgetConversations(pool, 3_600_000, 100)).toBe(1);
  await expect(client.conversations.retrieve(id)).rejects.toMatchObject(notFound);
  expect(await textsOf(kept.id)).toEqual(["user: Hello"]);
});
