import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { forgetFiles } from "../../../shared/files/forget-files.ts";
import {
  appendChunk,
  beginUpload,
  discardUpload,
  finishUpload,
  touchUpload,
} from "../../../shared/files/new-file.ts";
import { eventually } from "../../support/eventually.ts";
import {
  filePart,
  growFile,
  formText,
  handForm,
  purposePart,
  startFiles,
  type FileRig,
} from "./file-rig.ts";

let rig: FileRig;
beforeAll(async () => {
  rig = await startFiles();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(async () => {
  await rig.pool.query("delete from file_chunks");
  await rig.pool.query("delete from files");
});

const uploadFields = { bytes: 3, purpose: "batch", expiresAfterS: 3_600 } as const;

/** Begins an upload of small chunks; its process last touched it the time `quiet` ago. */
async function begun(chunks: number, quiet = "0 s"): Promise<string> {
  const id = await beginUpload(rig.pool, rig.keyId, "in.jsonl");
  for (let n = 0; n < chunks; n++)
    expect(await appendChunk(rig.pool, id, n, Buffer.from("x"))).toBe(true);
  await rig.pool.query("update files set touched_at = now() - $2::interval where id = $1", [
    id,
    quiet,
  ]);
  return id;
}

test.each([
  ["the file first", [filePart, purposePart]],
  ["the purpose first", [purposePart, filePart]],
])("the parts may come in any order: %s", async (_order, parts) => {
  const response = await fetch(`${rig.address}/v1/files`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.secret}`, ...handForm },
    body: `what stands before\r\n${formText(...parts)}and behind`,
  });
  expect(await response.json()).toMatchObject({ filename: "in.jsonl", bytes: 2 });
});

test.each([
  ["a path", "../../etc/x.jsonl", "x.jsonl"],
  ["a line break", "a\r\nx-evil: 1", "a"],
  ["signs of other scripts", "Größe 批.jsonl", "Größe 批.jsonl"],
])("a file name with %s", async (_what, sent, kept) => {
  const part = `name="file"; filename="${sent}"\r\n\r\n{}`;
  const response = await fetch(`${rig.address}/v1/files`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.secret}`, ...handForm },
    body: formText(part, purposePart),
  });
  const file = (await response.json()) as { id: string; filename: string };
  expect(file.filename).toBe(kept);
  const content = await rig.get(`/files/${file.id}/content`);
  expect(content.status).toBe(200);
  expect(content.headers.get("x-evil")).toBeNull();
});

test("what a killed process left of an upload is swept, and what one still sends is kept", async () => {
  const left = await begun(3, "6 min");
  const alive = await begun(3, "4 min");
  expect(await forgetFiles(rig.pool, 100)).toBe(4);
  expect(await rig.rows()).toEqual({ files: 1, chunks: 3 });
  expect(await appendChunk(rig.pool, left, 3, Buffer.from("x"))).toBe(false);
  expect(await finishUpload(rig.pool, left, uploadFields)).toBeUndefined();
  await touchUpload(rig.pool, alive);
  expect(await finishUpload(rig.pool, alive, uploadFields)).toMatchObject({ id: alive, bytes: 3n });
});

test("an upload that is swept while it goes on does not become half a file", async () => {
  const id = await begun(3, "6 min");
  // A page of one row takes only the end of the upload.
  expect(await forgetFiles(rig.pool, 1)).toBe(1);
  expect(await appendChunk(rig.pool, id, 3, Buffer.from("x"))).toBe(false);
  expect(await finishUpload(rig.pool, id, uploadFields)).toBeUndefined();
  await discardUpload(rig.pool, id);
  expect(await rig.rows()).toEqual({ files: 0, chunks: 0 });
});

test("an upload that is slow to fill a chunk shows that it lives", async () => {
  const { socket, closed } = await rig.raw("/v1/files", {
    ...handForm,
    "content-length": "800000",
  });
  socket.write(formText(filePart).slice(0, 90) + "x".repeat(300_000));
  const quiet = async (): Promise<boolean | undefined> => {
    const { rows } = await rig.pool.query<{ quiet: boolean }>(
      "select touched_at < now() - interval '5 min' as quiet from files",
    );
    return rows[0]?.quiet;
  };
  await eventually(async () => expect(await quiet()).toBe(false));
  await rig.pool.query("update files set touched_at = now() - interval '6 min'");
  await eventually(async () => expect(await quiet()).toBe(false));
  socket.destroy();
  await closed;
});

test("chunks follow one another, and a file has all of them", async () => {
  const id = await begun(2);
  expect(await appendChunk(rig.pool, id, 1, Buffer.from("x"))).toBe(false);
  expect(await appendChunk(rig.pool, id, 3, Buffer.from("x"))).toBe(false);
  expect(await finishUpload(rig.pool, id, uploadFields)).toBeUndefined();
  expect(await appendChunk(rig.pool, id, 2, Buffer.from("x"))).toBe(true);
  expect(await finishUpload(rig.pool, id, uploadFields)).toMatchObject({ id });
  await discardUpload(rig.pool, id);
  expect(await rig.rows()).toEqual({ files: 1, chunks: 3 });
});

test("deleted and expired files go page by page, others stay", async () => {
  const text = "x".repeat(600_000);
  const [deleted, expired, kept] = [
    await rig.upload(text),
    await rig.upload(text),
    await rig.upload(text),
  ];
  await rig.client.files.delete(deleted.id);
  await rig.pool.query("update files set expires_at = now() where id = $1", [expired.id]);
  const pages: number[] = [];
  for (let gone = 1; gone > 0;) pages.push((gone = await forgetFiles(rig.pool, 2)));
  expect(pages.reduce((sum, gone) => sum + gone, 0)).toBe(2 * (3 + 1));
  expect(Math.max(...pages)).toBeLessThanOrEqual(2);
  expect(await rig.rows()).toEqual({ files: 1, chunks: 3 });
  expect(await (await rig.client.files.content(kept.id)).text()).toBe(text);
});

test("a shutdown ends uploads and downloads, and nothing stays of an upload", async () => {
  await using other = await startFiles();
  const { id } = await other.upload("x");
  await growFile(other, id, 120);
  const download = await other.get(`/files/${id}/content`);
  const { socket, closed } = await other.raw("/v1/files", {
    ...handForm,
    "content-length": "800000",
  });
  socket.write(formText(filePart).slice(0, 90) + "x".repeat(300_000));
  await eventually(async () => expect((await other.rows()).files).toBe(2));
  const answered = once(socket, "data");
  other.shutdown.abort();
  await expect(download.text()).rejects.toThrow(/terminated/);
  await eventually(async () => expect((await other.rows()).files).toBe(1));
  // The stored rows are deleted before the answer is sent.
  await answered;
  socket.destroy();
  expect(await closed).toMatch(/^HTTP\/1.1 503 /);
});
