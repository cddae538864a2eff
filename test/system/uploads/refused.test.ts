import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formText, handForm, startFiles, type FileRig } from "../files/file-rig.ts";

const MAX_FILE_BYTES = 1_000;

let rig: FileRig;
beforeAll(async () => {
  rig = await startFiles({ maxFileBytes: MAX_FILE_BYTES });
});
afterAll(() => rig[Symbol.asyncDispose]());

interface Answer {
  readonly id: string;
  readonly error: { readonly param: string | null; readonly message: string };
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${rig.address}/v1/uploads${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${rig.secret}`,
      ...(typeof body === "string" ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as Answer;
  return { ...answer, status: response.status, param: answer.error?.param };
}

const uploadFields = { filename: "a.txt", purpose: "user_data", bytes: 4, mime_type: "text/plain" };
const begin = async (more: object = {}) => (await post("", { ...uploadFields, ...more })).id;
const dataPart = (content: string) => formText(`name="data"; filename="p"\r\n\r\n${content}`);
const addPart = (upload: string, content: string) =>
  post(`/${upload}/parts`, dataPart(content), handForm);

test.each<[string, object, string]>([
  ["no name", { filename: undefined }, "filename"],
  ["an empty name", { filename: "" }, "filename"],
  ["a long name", { filename: "n".repeat(256) }, "filename"],
  ["a NUL in the name", { filename: "a\0b" }, "filename"],
  ["no purpose", { purpose: undefined }, "purpose"],
  ["a purpose of results", { purpose: "batch_output" }, "purpose"],
  ["no size", { bytes: undefined }, "bytes"],
  ["no bytes", { bytes: 0 }, "bytes"],
  ["half a byte", { bytes: 1.5 }, "bytes"],
  ["a size in a text", { bytes: "4" }, "bytes"],
  ["more than a file may have", { bytes: MAX_FILE_BYTES + 1 }, "bytes"],
  ["no type", { mime_type: undefined }, "mime_type"],
  ["a NUL in the type", { mime_type: "a/\0" }, "mime_type"],
  [
    "an expiry without seconds",
    { expires_after: { anchor: "created_at" } },
    "expires_after.seconds",
  ],
  [
    "an expiry too soon",
    { expires_after: { anchor: "created_at", seconds: 1 } },
    "expires_after.seconds",
  ],
  ["an unknown field", { parts: 2 }, "parts"],
])("an upload with %s is refused", async (_what, more, param) => {
  expect(await post("", { ...uploadFields, ...more })).toMatchObject({ status: 400, param });
});

test.each<[string, string, number, string | null]>([
  ["no file", "--X--\r\n", 400, "data"],
  ["a text in the file's place", formText(`name="data"\r\n\r\nab`), 400, "data"],
  ["an empty file", dataPart(""), 400, "data"],
  ["a file of another name", formText(`name="file"; filename="p"\r\n\r\nab`), 400, "file"],
  [
    "two files",
    formText(...["a", "b"].map((each) => `name="data"; filename="p"\r\n\r\n${each}`)),
    400,
    "data",
  ],
  ["no end", dataPart("ab").replace("--X--\r\n", ""), 400, null],
  ["too many bytes", dataPart("x".repeat(MAX_FILE_BYTES + 1)), 413, "data"],
])("a part with %s is refused, and nothing stays of it", async (_what, body, status, param) => {
  const upload = await begin();
  expect(await post(`/${upload}/parts`, body, handForm)).toMatchObject({ status, param });
  expect(await rig.rows()).toEqual({ files: 0, chunks: 0 });
});

test("a part that is no form is refused", async () => {
  const upload = await begin();
  expect(await post(`/${upload}/parts`, {})).toMatchObject({ status: 415 });
});

test("a completion that does not fit the upload is refused, and the upload goes on", async () => {
  const upload = await begin();
  const [ab, cd, other] = [
    await addPart(upload, "ab"),
    await addPart(upload, "cd"),
    await addPart(await begin(), "ef"),
  ].map(({ id }) => id);
  const none = `part_${"0".repeat(32)}`;
  const cases: [object, string][] = [
    [{}, "part_ids"],
    [{ part_ids: [] }, "part_ids"],
    [{ part_ids: [ab] }, "part_ids"],
    [{ part_ids: [ab, ab] }, "part_ids[1]"],
    [{ part_ids: [ab, none] }, "part_ids[1]"],
    [{ part_ids: [other, cd] }, "part_ids[0]"],
    [{ part_ids: [ab, "a\0b"] }, "part_ids[1]"],
    [{ part_ids: [ab, 7] }, "part_ids[1]"],
    [{ part_ids: [ab, cd], md5: "x" }, "md5"],
    [{ part_ids: [ab, cd], md5: createHash("md5").update("cdab").digest("hex") }, "md5"],
    [{ part_ids: [ab, cd], sha: "x" }, "sha"],
  ];
  for (const [body, param] of cases)
    expect(await post(`/${upload}/complete`, body)).toMatchObject({ status: 400, param });
  const md5 = createHash("md5").update("cdab").digest("hex").toUpperCase();
  expect(await post(`/${upload}/complete`, { part_ids: [cd, ab], md5 })).toMatchObject({
    status: 200,
  });
  for (const end of ["cancel", "complete"])
    expect(await post(`/${upload}/${end}`, { part_ids: [ab] })).toMatchObject({ status: 400 });
});

test("parts together may come to twice what a file may have, so that lost ones can be sent again", async () => {
  const upload = await begin({ bytes: MAX_FILE_BYTES });
  const part = "x".repeat(MAX_FILE_BYTES);
  expect((await addPart(upload, part)).status).toBe(200);
  const { id, status } = await addPart(upload, part);
  expect(status).toBe(200);
  expect(await addPart(upload, "x")).toMatchObject({ status: 413, param: "data" });
  expect((await post(`/${upload}/complete`, { part_ids: [id] })).status).toBe(200);
});

test("an upload that has expired takes nothing more, and its parts are swept", async () => {
  await rig.pool.query("delete from files");
  await rig.pool.query("delete from file_chunks");
  const upload = await begin();
  const { id } = await addPart(upload, "abcd");
  await rig.pool.query("select purge_files(100)");
  expect(await rig.rows()).toEqual({ files: 1, chunks: 1 });
  await rig.pool.query("update uploads set expires_at = now() where id = $1", [upload]);
  const expired = { status: 400, param: "upload_id" };
  expect(await addPart(upload, "ab")).toMatchObject(expired);
  expect(await post(`/${upload}/complete`, { part_ids: [id] })).toMatchObject(expired);
  expect(await post(`/${upload}/cancel`, {})).toMatchObject(expired);
  expect(await (await rig.get(`/uploads/${upload}`)).json()).toMatchObject({ status: "expired" });
  await rig.pool.query("select purge_files(100)");
  expect(await rig.rows()).toEqual({ files: 0, chunks: 0 });
  await rig.pool.query("update uploads set expires_at = now() - interval '2 days' where id = $1", [
    upload,
  ]);
  await rig.pool.query("select purge_files(100)");
  expect((await rig.get(`/uploads/${upload}`)).status).toBe(404);
});

test("ids that can be none are as unknown as those that never were", async () => {
  for (const id of ["upload_1", "nul%00", `upload_${"0".repeat(32)}`])
    expect(await post(`/${id}/cancel`, {})).toMatchObject({ status: 404, param: "upload_id" });
});
