import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startFiles, type FileRig } from "./file-rig.ts";

let rig: FileRig;
beforeAll(async () => {
  rig = await startFiles();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(async () => {
  await rig.pool.query("delete from files");
});

test("a file goes up and comes down through the openai package", async () => {
  const directory = await mkdtemp(join(tmpdir(), "files-"));
  const content = `${JSON.stringify({ custom_id: "ä", body: "x".repeat(700_000) })}\n`;
  await writeFile(join(directory, "requests.jsonl"), content);
  const file = await rig.client.files.create({
    file: createReadStream(join(directory, "requests.jsonl")),
    purpose: "batch",
    expires_after: { anchor: "created_at", seconds: 7_200 },
  });
  await rm(directory, { recursive: true });
  expect(file).toEqual({
    id: expect.stringMatching(/^file-[0-9a-f]{32}$/) as string,
    object: "file",
    bytes: Buffer.byteLength(content),
    created_at: expect.closeTo(Date.now() / 1_000, -2) as number,
    expires_at: file.created_at + 7_200,
    filename: "requests.jsonl",
    purpose: "batch",
    status: "processed",
    status_details: null,
  });
  expect(await rig.client.files.retrieve(file.id)).toEqual(file);
  const download = await rig.client.files.content(file.id);
  expect(download.headers.get("content-type")).toBe("application/octet-stream");
  expect(await download.text()).toBe(content);
  expect((await rig.client.files.waitForProcessing(file.id)).status).toBe("processed");

  const { rows } = await rig.pool.query<{ size: number }>(
    "select octet_length(bytes) as size from file_chunks where file_id = $1 order by start",
    [file.id],
  );
  expect(rows.map(({ size }) => size)).toEqual([262_144, 262_144, file.bytes - 524_288]);

  expect(await rig.client.files.delete(file.id)).toEqual({
    id: file.id,
    object: "file",
    deleted: true,
  });
  await expect(rig.client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
});

test("files are kept for 30 days unless the upload says otherwise", async () => {
  const file = await rig.upload("{}");
  expect((file.expires_at ?? 0) - file.created_at).toBe(30 * 86_400);
});

test("lists page by page in both orders, and by purpose", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push((await rig.upload(`${n}`, `${n}.jsonl`)).id);
  const all = async (query: OpenAI.FileListParams) => {
    const found: string[] = [];
    for await (const file of rig.client.files.list(query)) found.push(file.id);
    return found;
  };
  expect(await all({ limit: 2 })).toEqual(ids.toReversed());
  expect(await all({ limit: 2, order: "asc" })).toEqual(ids);
  expect(await all({ limit: 5, purpose: "batch" })).toHaveLength(5);
  expect(await all({ limit: 5, purpose: "" })).toHaveLength(5);
  expect(await all({ purpose: "batch_output" })).toEqual([]);
  expect(await all({ purpose: "vision" })).toEqual([]);
  const page = await rig.client.files.list({ limit: 2, after: ids[2] ?? "" });
  expect(page).toMatchObject({ has_more: false, data: [{ id: ids[1] }, { id: ids[0] }] });
  for (const limit of [0, 10_001])
    await expect(rig.client.files.list({ limit })).rejects.toMatchObject({
      status: 400,
      param: "limit",
    });
});

test("a purpose that no file can have is refused", async () => {
  const purpose = "a\0b" as "batch";
  await expect(rig.client.files.list({ purpose })).rejects.toMatchObject({
    status: 400,
    param: "purpose",
  });
});

test("another key sees nothing of a file", async () => {
  const file = await rig.upload("secret");
  const other = await rig.newCaller();
  const missing = { status: 404, code: "not_found", param: "id" };
  await expect(other.client.files.retrieve(file.id)).rejects.toMatchObject(missing);
  await expect(other.client.files.content(file.id)).rejects.toMatchObject(missing);
  await expect(other.client.files.delete(file.id)).rejects.toMatchObject(missing);
  expect((await other.client.files.list()).data).toEqual([]);
  expect(await (await rig.client.files.content(file.id)).text()).toBe("secret");
});

test("what has expired, is unfinished or no id at all is as unknown as what never was", async () => {
  const file = await rig.upload("x");
  const change = (what: string) =>
    rig.pool.query(`update files set ${what} where id = $1`, [file.id]);
  const never = `file-${"0".repeat(32)}`;
  const errorOf = async (id: string) => {
    const response = await rig.get(`/files/${id}`);
    expect(response.status).toBe(404);
    return (await response.text()).replaceAll(id, "ID");
  };
  const unknown = await errorOf(never);
  expect(JSON.parse(unknown)).toEqual({
    error: {
      message: "No file found with id 'ID'.",
      type: "invalid_request_error",
      code: "not_found",
      param: "id",
    },
  });
  await change("expires_at = now() - interval '1 s'");
  expect(await errorOf(file.id)).toBe(unknown);
  expect((await rig.client.files.list()).data).toEqual([]);
  await change("expires_at = null, state = 'writing'");
  expect(await errorOf(file.id)).toBe(unknown);
  expect((await rig.client.files.list()).data).toEqual([]);
  for (const id of ["file-1", "nul%00", `FILE-${"0".repeat(32)}`]) await errorOf(id);
});

test("the same upload under one Idempotency-Key makes one file", async () => {
  const headers = { "Idempotency-Key": "once" };
  const create = async (text: string, options = {}) =>
    rig.client.files
      .create(
        { file: await toFile(Buffer.from(text), "a.jsonl"), purpose: "batch", ...options },
        { headers },
      )
      .withResponse();
  const [first, second] = await Promise.all([create("same"), create("same")]);
  expect(second.data).toEqual(first.data);
  expect((await create("same")).response.headers.get("idempotent-replayed")).toBe("true");
  expect(await rig.rows()).toMatchObject({ files: 1 });
  const conflict = { status: 422, code: "idempotency_conflict" };
  await expect(create("other")).rejects.toMatchObject(conflict);
  const expiry = { expires_after: { anchor: "created_at", seconds: 3_600 } };
  await expect(create("same", expiry)).rejects.toMatchObject(conflict);
  expect(await rig.rows()).toMatchObject({ files: 1 });
});
