import { toFile } from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { forgetFiles } from "../../../shared/files/forget-files.ts";
import { appendChunk } from "../../../shared/files/new-file.ts";
import { beginPart, finishPart } from "../../../shared/uploads/part-statements.ts";
import { formText, handForm, startFiles, type FileRig } from "../files/file-rig.ts";
import { eventually } from "../../support/eventually.ts";

let rig: FileRig;
beforeAll(async () => {
  rig = await startFiles();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(async () => {
  await rig.pool.query("delete from file_chunks");
  await rig.pool.query("delete from files");
});

const data = async (text: string) => ({ data: await toFile(Buffer.from(text), "p") });

/** An upload of `ab` that has all its parts. */
async function ready() {
  const { id } = await rig.client.uploads.create({
    filename: "a.txt",
    purpose: "user_data",
    mime_type: "text/plain",
    bytes: 2,
  });
  const a = await rig.client.uploads.parts.create(id, await data("a"));
  const b = await rig.client.uploads.parts.create(id, await data("b"));
  return { id, parts: { part_ids: [a.id, b.id] }, swapped: { part_ids: [b.id, a.id] } };
}

/** Counts the sessions that wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await rig.pool.query<{ count: number }>(
    "select count(*)::integer from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return rows[0]?.count ?? 0;
}

/** Holds the upload's row until `release` is called. */
async function holdRow(id: string) {
  const client = await rig.pool.connect();
  await client.query("begin");
  await client.query("select from uploads where id = $1 for update", [id]);
  return async () => {
    await client.query("commit");
    client.release();
  };
}

test("two that complete at once make one file", async () => {
  const { id, parts } = await ready();
  const release = await holdRow(id);
  const both = Promise.all([1, 2].map(() => rig.client.uploads.complete(id, parts)));
  await eventually(async () => expect(await waiting()).toBe(2));
  await release();
  const [one, other] = await both;
  expect(one?.status).toBe("completed");
  expect(other).toEqual(one);
  const { data: files } = await rig.client.files.list();
  expect(files.map((file) => file.id)).toEqual([one?.file?.id]);
  expect(await rig.rows()).toEqual({ files: 1, chunks: 2 });
});

test("of two that complete at once in other orders one wins, and the other hears of it", async () => {
  const { id, parts, swapped } = await ready();
  const ended = await Promise.allSettled([
    rig.client.uploads.complete(id, parts),
    rig.client.uploads.complete(id, swapped),
  ]);
  expect(ended.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const lost = ended.find((each) => each.status === "rejected");
  expect(lost?.reason).toMatchObject({ status: 400, param: "upload_id" });
  const [file] = (await rig.client.files.list()).data;
  const text = await (await rig.client.files.content(file?.id ?? "")).text();
  expect(text).toBe(ended[0]?.status === "fulfilled" ? "ab" : "ba");
});

test.each(["complete", "cancel"] as const)(
  "a part that is still coming in when its upload ends (%s) is refused, and nothing stays of it",
  async (end) => {
    const { id, parts } = await ready();
    const form = formText(`name="data"; filename="p"\r\n\r\n${"x".repeat(300_000)}`);
    const headers = { ...handForm, "content-length": String(form.length), connection: "close" };
    const { socket, closed } = await rig.raw(`/v1/uploads/${id}/parts`, headers);
    socket.write(form.slice(0, 280_000));
    await eventually(async () => expect((await rig.rows()).chunks).toBe(3));
    await (end === "cancel"
      ? rig.client.uploads.cancel(id)
      : rig.client.uploads.complete(id, parts));
    socket.write(form.slice(280_000));
    const answer = await closed;
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('"param":"upload_id"');
    await forgetFiles(rig.pool, 100);
    expect(await rig.rows()).toEqual(
      end === "cancel" ? { files: 0, chunks: 0 } : { files: 1, chunks: 2 },
    );
  },
);

test("of a part that comes in beside the end of its upload nothing stays, whoever is first", async () => {
  const { id, parts } = await ready();
  const release = await holdRow(id);
  const both = Promise.allSettled([
    rig.client.uploads.complete(id, parts),
    rig.client.uploads.parts.create(id, await data("late")),
  ]);
  await eventually(async () => expect(await waiting()).toBe(2));
  await release();
  const [completed, late] = await both;
  expect(completed).toMatchObject({ value: { status: "completed" } });
  if (late.status === "rejected")
    expect(late.reason).toMatchObject({ status: 400, param: "upload_id" });
  await forgetFiles(rig.pool, 100);
  expect(await rig.rows()).toEqual({ files: 1, chunks: 2 });
});

test("a completion whose session ends meanwhile is done all the same, once", async () => {
  const { id, parts } = await ready();
  const release = await holdRow(id);
  const done = rig.client.uploads.complete(id, parts);
  await eventually(async () => expect(await waiting()).toBe(1));
  await rig.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  await eventually(async () => expect(await waiting()).toBe(1));
  await release();
  expect(await done).toMatchObject({ status: "completed" });
  expect(await rig.rows()).toEqual({ files: 1, chunks: 2 });
});

test("what a killed process left of a part is swept, and its upload goes on", async () => {
  const { id, parts } = await ready();
  const left = (await beginPart(rig.pool, rig.keyId, id)) ?? expect.fail("no part");
  expect(await appendChunk(rig.pool, left, 0, Buffer.from("x"))).toBe(true);
  await rig.pool.query("update files set touched_at = now() - interval '6 min' where id = $1", [
    left,
  ]);
  expect(await forgetFiles(rig.pool, 100)).toBe(2);
  expect(await rig.rows()).toEqual({ files: 2, chunks: 2 });
  expect(await finishPart(rig.pool, left, 1, { parts: 9, bytes: 9 })).toBeUndefined();
  expect(await rig.client.uploads.complete(id, parts)).toMatchObject({ status: "completed" });
});

test("a file keeps its bytes where they lie when its upload is completed", async () => {
  const { id } = await rig.client.uploads.create({
    filename: "a.bin",
    purpose: "user_data",
    mime_type: "application/octet-stream",
    bytes: 400_000,
  });
  const part = await rig.client.uploads.parts.create(id, await data("x".repeat(400_000)));
  const stored = async () => {
    const { rows } = await rig.pool.query<{ size: bigint }>(
      "select pg_relation_size(reltoastrelid) as size from pg_class where relname = 'file_chunks'",
    );
    return rows[0]?.size;
  };
  const before = await stored();
  await rig.client.uploads.complete(id, { part_ids: [part.id] });
  expect(await stored()).toBe(before);
});
