import { toFile } from "openai";
import type { ChatCompletionContentPart } from "openai/resources/chat/completions";
import type { ResponseInputContent } from "openai/resources/responses/responses";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { fileText } from "../../../shared/requests/files/file-content.ts";
import { line, type BatchRig } from "../batches/batch-rig.ts";
import { BODY_LIMIT, startReferenceRig, uploadInParts } from "./reference-rig.ts";

let rig: BatchRig;
beforeAll(async () => {
  rig = await startReferenceRig();
});
afterAll(() => rig.stop());
beforeEach(() => {
  for (const upstream of Object.values(rig.broker.upstreams)) upstream.reset();
});

const PNG = Buffer.from("89504e470d0a1a0a0000000d", "hex");
const PDF = Buffer.from("%PDF-1.7\n%\u00e2\u00e3\0");

async function upload(
  content: string | Buffer,
  filename: string,
  client = rig.client,
): Promise<string> {
  const file = await toFile(Buffer.from(content), filename);
  return (await client.files.create({ file, purpose: "user_data" })).id;
}

/** Returns the last request to an upstream. */
function sent(): unknown {
  const [last] = Object.values(rig.broker.upstreams).flatMap((each) => each.bodies());
  return last?.body;
}

const ask = (model: string, ...parts: ResponseInputContent[]) =>
  rig.client.responses.create({
    model,
    store: false,
    input: [{ role: "user", content: [{ type: "input_text", text: "What is it?" }, ...parts] }],
  });
const chat = (model: string, ...content: ChatCompletionContentPart[]) =>
  rig.client.chat.completions.create({ model, messages: [{ role: "user", content }] });

test("a text file is text for every engine, on both routes", async () => {
  const id = await upload("# Monday\n", "notes.md");
  const text = fileText("notes.md", "# Monday\n");
  await ask("local", { type: "input_file", file_id: id });
  expect(sent()).toMatchObject({
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "What is it?" },
          { type: "text", text },
        ],
      },
    ],
  });
  await ask("native", { type: "input_file", file_id: id });
  expect(rig.broker.upstreams["native"]?.bodies()[0]?.body).toMatchObject({
    input: [{ content: [{ type: "input_text" }, { type: "input_text", text }] }],
  });
  rig.broker.upstreams["gpu"]?.reset();
  await chat("local", { type: "file", file: { file_id: id } });
  expect(sent()).toMatchObject({ messages: [{ content: [{ type: "text", text }] }] });
});

test("a file that came in parts is as good", async () => {
  const text = "a,b\n1,2\n";
  const id = await uploadInParts(rig.client, text, 3, { filename: "t.csv", purpose: "user_data" });
  await ask("local", { type: "input_file", file_id: id });
  expect(JSON.stringify(sent())).toContain(JSON.stringify(fileText("t.csv", text)).slice(1, -1));
});

test("an image goes as an image, whichever way it is named", async () => {
  const id = await upload(PNG, "pump.png");
  const url = `data:image/png;base64,${PNG.toString("base64")}`;
  await ask("local", { type: "input_image", file_id: id, detail: "low" });
  const expected = [{ content: [{}, { type: "image_url", image_url: { url } }] }];
  expect(sent()).toMatchObject({ messages: expected });
  rig.broker.upstreams["gpu"]?.reset();
  await ask("local", { type: "input_file", file_id: id });
  expect(sent()).toMatchObject({ messages: expected });
  rig.broker.upstreams["gpu"]?.reset();
  await chat("local", { type: "file", file: { file_id: id } });
  expect(sent()).toMatchObject({ messages: [{ content: [{ type: "image_url" }] }] });
});

test("a PDF goes to a cloud that may be asked, and is a 400 that says so where there is none", async () => {
  const id = await upload(PDF, "manual.pdf");
  const data = `data:application/pdf;base64,${PDF.toString("base64")}`;
  await ask("both", { type: "input_file", file_id: id });
  expect(rig.broker.upstreams["cloud"]?.bodies()[0]?.body).toMatchObject({
    input: [{ content: [{}, { type: "input_file", filename: "manual.pdf", file_data: data }] }],
  });
  rig.broker.upstreams["cloud"]?.reset();
  await chat("both", { type: "file", file: { file_id: id } });
  expect(rig.broker.upstreams["cloud"]?.bodies()[0]?.body).toMatchObject({
    messages: [{ content: [{ type: "file", file: { filename: "manual.pdf", file_data: data } }] }],
  });
  const inResponse = { status: 400, param: "input[0].content[1].file_id" };
  for (const model of ["local", "native"])
    await expect(ask(model, { type: "input_file", file_id: id })).rejects.toMatchObject(inResponse);
  await expect(chat("local", { type: "file", file: { file_id: id } })).rejects.toMatchObject({
    status: 400,
    param: "messages[0].content[0].file.file_id",
  });
  const stays = { headers: { "x-spillway-residency": "local" } };
  await expect(
    rig.client.responses.create(
      { model: "both", input: [{ role: "user", content: [{ type: "input_file", file_id: id }] }] },
      stays,
    ),
  ).rejects.toMatchObject({ status: 400, param: "input[0].content[0].file_id" });
  await expect(
    ask("both", { type: "input_image", file_id: id, detail: "auto" }),
  ).rejects.toMatchObject(inResponse);
});

test("another's file, a deleted one and none at all are the same 400", async () => {
  const other = rig.clientOf((await rig.broker.key()).key);
  const foreign = await upload("secret", "a.txt", other);
  const deleted = await upload("x", "a.txt");
  await rig.client.files.delete(deleted);
  const expected = { status: 400, param: "input[0].content[1].file_id" };
  for (const id of [foreign, deleted, `file-${"0".repeat(32)}`, "nul\0", "file-abc"])
    await expect(ask("local", { type: "input_file", file_id: id })).rejects.toMatchObject(expected);
  const both = { type: "input_file", file_id: deleted, file_data: "data:text/plain,x" } as const;
  await expect(ask("local", both)).rejects.toMatchObject(expected);
  expect(sent()).toBeUndefined();
});

test("files count as what the body would have with them", async () => {
  const half = await upload("x".repeat(BODY_LIMIT / 2), "half.txt");
  const part = { type: "input_file", file_id: half } as const;
  await ask("local", part);
  await expect(ask("local", part, part)).rejects.toMatchObject({
    status: 413,
    param: "input[0].content[2].file_id",
  });
  // The file is smaller on the disk than in JSON.
  const signs = await upload("\u0001".repeat(BODY_LIMIT / 4), "signs.txt");
  await expect(ask("local", { type: "input_file", file_id: signs })).rejects.toMatchObject({
    status: 413,
    param: "input[0].content[1].file_id",
  });
  const many = Array.from({ length: 101 }, (_, n) => ({
    type: "input_file" as const,
    file_id: `file-${String(n).padStart(32, "0")}`,
  }));
  await expect(ask("local", ...many)).rejects.toMatchObject({
    status: 400,
    param: "input[0].content[101].file_id",
  });
});

test("what is held is for the file too, and a text needs no known context", async () => {
  const { key } = await rig.broker.key({ budget: { limit_usd: "0.01", period: "total" } });
  const client = rig.clientOf(key);
  const askDear = async (file: string) =>
    client.responses.create({
      model: "dear",
      input: [{ role: "user", content: [{ type: "input_file", file_id: file }] }],
    });
  // A token is never less than a byte: 20,000 bytes may cost 0.02 USD.
  const large = await upload("x".repeat(20_000), "large.txt", client);
  await expect(askDear(large)).rejects.toMatchObject({ status: 402 });
  expect((await askDear(await upload("x".repeat(2_000), "a.txt", client))).status).toBe(
    "completed",
  );
  const image = await upload(PNG, "a.png", client);
  await expect(askDear(image)).rejects.toMatchObject({ status: 400, param: "input" });
});

test("an accepted job has its file, whatever becomes of it, and so has the next turn", async () => {
  const id = await upload("remember me", "a.txt");
  const file = { type: "input_file", file_id: id } as const;
  const first = await rig.client.responses.create({
    model: "local",
    background: true,
    input: [{ role: "user", content: [file] }],
  });
  await rig.client.files.delete(id);
  let response = first;
  while (response.status === "queued" || response.status === "in_progress")
    response = await rig.client.responses.retrieve(first.id);
  expect(response.status).toBe("completed");
  expect(JSON.stringify(sent())).toContain("remember me");
  const { data } = await rig.client.responses.inputItems.list(first.id);
  expect(JSON.stringify(data)).toContain("remember me");
  rig.broker.upstreams["gpu"]?.reset();
  await rig.client.responses.create({ model: "local", previous_response_id: first.id, input: "?" });
  expect(JSON.stringify(sent())).toContain("remember me");
});

const lineBody = (file: string) => ({
  model: "local",
  max_tokens: 8,
  messages: [{ role: "user", content: [{ type: "file", file: { file_id: file } }] }],
});

/** Asks in a conversation that begins with this part. */
const about = async (part: ResponseInputContent) => {
  const { id } = await rig.client.conversations.create({
    items: [{ type: "message", role: "user", content: [part] }],
  });
  return await rig.client.responses.create({ model: "local", conversation: id, input: "?" });
};

test("what a conversation was begun with is looked at when it is answered in", async () => {
  const file = await upload("of a conversation", "a.txt");
  await about({ type: "input_file", file_id: file });
  expect(JSON.stringify(sent())).toContain("of a conversation");
  await expect(
    about({ type: "input_file", file_id: `file-${"0".repeat(32)}` }),
  ).rejects.toMatchObject({ status: 400, param: "input[0].content[0].file_id" });
  const inside = "http://169.254.169.254/latest";
  await expect(
    about({ type: "input_image", image_url: inside, detail: "auto" }),
  ).rejects.toMatchObject({ status: 400, param: "input[0].content[0].image_url" });
});

test("lines of a batch refer to files as other requests do", async () => {
  const id = await upload("of a batch", "a.txt");
  const pdf = await upload(PDF, "a.pdf");
  const input = [
    line("text", { body: lineBody(id) }),
    line("none", { body: lineBody(`file-${"0".repeat(32)}`) }),
    line("pdf", { body: lineBody(pdf) }),
  ].join("\n");
  const batch = await rig.client.batches.create({
    // The parts end in the middle of lines.
    input_file_id: await uploadInParts(rig.client, input, 100, {
      filename: "in.jsonl",
      purpose: "batch",
    }),
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  const ended = await rig.until(batch.id, "completed");
  const [text] = await rig.results(ended.output_file_id);
  expect(text).toMatchObject({ custom_id: "text", response: { status_code: 200 } });
  expect(JSON.stringify(sent())).toContain("of a batch");
  const errors = await rig.results(ended.error_file_id);
  const param = "messages[0].content[0].file.file_id";
  expect(errors.map(({ custom_id: name, response }) => [name, response])).toMatchObject([
    ["none", { status_code: 400, body: { error: { param } } }],
    ["pdf", { status_code: 400, body: { error: { param } } }],
  ]);
});

test("a text that is given in the request itself is text where engines take no files", async () => {
  const data = `data:text/csv;base64,${Buffer.from("a,b\n").toString("base64")}`;
  await ask("local", { type: "input_file", filename: "t.csv", file_data: data });
  expect(sent()).toMatchObject({
    messages: [{ content: [{}, { type: "text", text: fileText("t.csv", "a,b\n") }] }],
  });
});

/** Returns the estimate for a request with this content. */
const count = async (content: object[]) => {
  const response = await fetch(`${rig.broker.baseUrl}/responses/input_tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "local", input: [{ role: "user", content }] }),
  });
  return ((await response.json()) as { input_tokens: number }).input_tokens;
};

test("an estimate of a request's tokens counts what is in its files", async () => {
  const id = await upload("word ".repeat(5_000), "a.txt");
  expect(await count([{ type: "input_file", file_id: id }])).toBeGreaterThan(4_000);
});

test("a file of any purpose will do", async () => {
  for (const purpose of ["assistants", "vision", "batch"] as const) {
    const file = await toFile(Buffer.from(`of ${purpose}`), "a.txt");
    const { id } = await rig.client.files.create({ file, purpose });
    rig.broker.upstreams["gpu"]?.reset();
    await chat("local", { type: "file", file: { file_id: id } });
    expect(JSON.stringify(sent())).toContain(`of ${purpose}`);
  }
});
