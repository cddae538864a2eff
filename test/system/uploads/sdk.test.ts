import { createHash } from "node:crypto";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startFiles, type FileRig } from "../files/file-rig.ts";

let rig: FileRig;
beforeAll(async () => {
  rig = await startFiles();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(async () => {
  await rig.pool.query("delete from file_chunks");
  await rig.pool.query("delete from files");
});

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

async function begin(bytes: number, more: Partial<OpenAI.UploadCreateParams> = {}) {
  return rig.client.uploads.create({
    filename: "notes.md",
    purpose: "user_data",
    mime_type: "text/markdown",
    bytes,
    ...more,
  });
}

const addPart = async (upload: string, text: string, options?: OpenAI.RequestOptions) =>
  rig.client.uploads.parts.create(upload, { data: await toFile(Buffer.from(text), "p") }, options);

test("parts that came in any order become one file, in the order that was asked for", async () => {
  // The parts make full chunks and shorter ones, and one part ends in the middle of a character.
  const texts = [`ä${"a".repeat(300_000)}`, "b", "c".repeat(262_144), "d".repeat(10)];
  const whole = texts.join("");
  const upload = await begin(Buffer.byteLength(whole), {
    expires_after: { anchor: "created_at", seconds: 7_200 },
  });
  expect(upload).toEqual({
    id: expect.stringMatching(/^upload_[0-9a-f]{32}$/) as string,
    object: "upload",
    bytes: Buffer.byteLength(whole),
    created_at: expect.closeTo(Date.now() / 1_000, -2) as number,
    expires_at: upload.created_at + 3_600,
    filename: "notes.md",
    purpose: "user_data",
    status: "pending",
    file: null,
  });
  const parts = await Promise.all(texts.toReversed().map((text) => addPart(upload.id, text)));
  expect(parts[0]).toEqual({
    id: expect.stringMatching(/^part_[0-9a-f]{32}$/) as string,
    object: "upload.part",
    created_at: expect.closeTo(Date.now() / 1_000, -2) as number,
    upload_id: upload.id,
  });
  await addPart(upload.id, "a part that nobody asks for");
  expect((await rig.client.files.list()).data).toEqual([]);
  const done = await rig.client.uploads.complete(upload.id, {
    part_ids: parts.map(({ id }) => id).toReversed(),
    md5: md5(whole),
  });
  expect(done).toMatchObject({ id: upload.id, status: "completed" });
  const file = done.file ?? expect.fail("no file");
  expect(file).toEqual({
    id: expect.stringMatching(/^file-[0-9a-f]{32}$/) as string,
    object: "file",
    bytes: Buffer.byteLength(whole),
    created_at: file.created_at,
    expires_at: file.created_at + 7_200,
    filename: "notes.md",
    purpose: "user_data",
    status: "processed",
    status_details: null,
  });
  expect(await rig.client.files.retrieve(file.id)).toEqual(file);
  expect(await (await rig.client.files.content(file.id)).text()).toBe(whole);
  const middle = await rig.get(`/files/${file.id}/content`, { range: "bytes=300000-300004" });
  expect(await middle.text()).toBe("aabcc");
  const read = await rig.get(`/uploads/${upload.id}`);
  expect(await read.json()).toEqual(done);
});

test("files of every purpose that OpenAI takes, listed by it", async () => {
  const purposes = ["assistants", "batch", "evals", "fine-tune", "user_data", "vision"] as const;
  for (const purpose of purposes) {
    const file = await toFile(Buffer.from(purpose), `${purpose}.txt`);
    expect(await rig.client.files.create({ file, purpose })).toMatchObject({ purpose });
  }
  for (const purpose of purposes) {
    const { data } = await rig.client.files.list({ purpose });
    expect(data.map(({ filename }) => filename)).toEqual([`${purpose}.txt`]);
  }
});

test("a complete that is sent again finds the file that the first one made", async () => {
  const upload = await begin(2);
  const { id } = await addPart(upload.id, "ab");
  const done = await rig.client.uploads.complete(upload.id, { part_ids: [id] });
  expect(await rig.client.uploads.complete(upload.id, { part_ids: [id] })).toEqual(done);
  const others = [`part_${"0".repeat(32)}`];
  await expect(rig.client.uploads.complete(upload.id, { part_ids: others })).rejects.toMatchObject({
    status: 400,
    param: "upload_id",
  });
  await rig.client.files.delete(done.file?.id ?? "");
  const again = await rig.client.uploads.complete(upload.id, { part_ids: [id] });
  expect(again).toMatchObject({ status: "completed", file: null });
});

test("a cancelled upload takes nothing more, and its parts are gone", async () => {
  const upload = await begin(2);
  const { id } = await addPart(upload.id, "ab");
  expect(await rig.client.uploads.cancel(upload.id)).toMatchObject({ status: "cancelled" });
  expect(await rig.client.uploads.cancel(upload.id)).toMatchObject({ status: "cancelled" });
  const closed = { status: 400, param: "upload_id" };
  await expect(addPart(upload.id, "cd")).rejects.toMatchObject(closed);
  await expect(rig.client.uploads.complete(upload.id, { part_ids: [id] })).rejects.toMatchObject(
    closed,
  );
  await rig.pool.query("select purge_files(100)");
  expect(await rig.rows()).toEqual({ files: 0, chunks: 0 });
});

test("another key has no such upload", async () => {
  const upload = await begin(2);
  const part = await addPart(upload.id, "ab");
  const { client } = await rig.newCaller();
  const missing = { status: 404, code: "not_found", param: "upload_id" };
  const data = await toFile(Buffer.from("x"), "p");
  await expect(client.uploads.parts.create(upload.id, { data })).rejects.toMatchObject(missing);
  await expect(client.uploads.cancel(upload.id)).rejects.toMatchObject(missing);
  await expect(client.uploads.complete(upload.id, { part_ids: [part.id] })).rejects.toMatchObject(
    missing,
  );
  // The other caller cannot use the part in an upload of its own either.
  const own = await client.uploads.create({
    filename: "a",
    purpose: "vision",
    mime_type: "image/png",
    bytes: 2,
  });
  await expect(client.uploads.complete(own.id, { part_ids: [part.id] })).rejects.toMatchObject({
    status: 400,
    param: "part_ids[0]",
  });
  expect(await rig.client.uploads.complete(upload.id, { part_ids: [part.id] })).toMatchObject({
    status: "completed",
  });
});

test("each POST happens once under one Idempotency-Key", async () => {
  const once = { headers: { "Idempotency-Key": "once" } };
  const params = { filename: "a", purpose: "batch", mime_type: "text/jsonl", bytes: 2 } as const;
  const [first, second] = await Promise.all([
    rig.client.uploads.create(params, once),
    rig.client.uploads.create(params, once),
  ]);
  expect(second).toEqual(first);
  const [part, same] = await Promise.all([
    addPart(first.id, "ab", once),
    addPart(first.id, "ab", once),
  ]);
  expect(same).toEqual(part);
  await expect(addPart(first.id, "cd", once)).rejects.toMatchObject({ status: 422 });
  expect(await rig.rows()).toEqual({ files: 1, chunks: 1 });
  const done = await rig.client.uploads.complete(first.id, { part_ids: [part.id] }, once);
  expect(await rig.client.uploads.complete(first.id, { part_ids: [part.id] }, once)).toEqual(done);
});
