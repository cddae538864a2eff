import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import {
  filePart,
  formText,
  handForm,
  purposePart,
  nothingStays,
  startFiles,
  type FileRig,
} from "./file-rig.ts";

const MAX_FILE_BYTES = 1_000_000;

let rig: FileRig;
beforeAll(async () => {
  rig = await startFiles({ maxFileBytes: MAX_FILE_BYTES });
});
afterAll(() => rig[Symbol.asyncDispose]());
// After any error, no rows stay.
afterEach(() => nothingStays(rig));

const field = (name: string, value: string): string => `name="${name}"\r\n\r\n${value}`;
const nameless = `name="file"; filename=""\r\n\r\n{}`;
const ANCHOR = "expires_after[anchor]";
const SECONDS = "expires_after[seconds]";

function sized(bytes: number): FormData {
  const form = new FormData();
  form.set("file", new Blob(["x".repeat(bytes)]), "a");
  form.set("purpose", "batch");
  return form;
}

test.each<[string, string | null, string]>([
  ["no file", "file", formText(purposePart)],
  ["nothing at all", "file", "--X--\r\n"],
  ["an empty file", "file", formText(`name="file"; filename="a"\r\n\r\n`, purposePart)],
  ["two files", "file", formText(filePart, filePart, purposePart)],
  ["a file of another name", "data", formText(`name="data"; filename="a"\r\n\r\n{}`)],
  ["a file that is only text", "file", formText(field("file", "{}"), purposePart)],
  ["a file without a name", "file", formText(nameless, purposePart)],
  ["a long file name", "file", formText(`name="file"; filename="${"n".repeat(256)}"\r\n\r\n{}`)],
  ["a NUL in the file name", "file", formText(`name="file"; filename="a\0b"\r\n\r\n{}`)],
  [
    "an encoded line break in it",
    "file",
    formText(`name="file"; filename*=UTF-8''a%0D%0Ab\r\n\r\n{}`),
  ],
  ["no purpose", "purpose", formText(filePart)],
  ["another purpose", "purpose", formText(filePart, field("purpose", "batch_output"))],
  ["another purpose before the file", "purpose", formText(field("purpose", "x"), filePart)],
  ["two purposes", "purpose", formText(purposePart, purposePart, filePart)],
  ["an unknown field", "user", formText(purposePart, field("user", "x"), filePart)],
  ["a field of a name that objects have", null, formText(field("constructor", "x"), filePart)],
  [
    "a huge field before the file",
    "purpose",
    formText(field("purpose", "b".repeat(900_000)), filePart),
  ],
  [
    "a JSON field",
    "purpose",
    formText(`name="purpose"\r\nContent-Type: application/json\r\n\r\n{"a":1}`),
  ],
  ["an anchor of another kind", ANCHOR, formText(field(ANCHOR, "now"), field(SECONDS, "3600"))],
  ["seconds without an anchor", ANCHOR, formText(field(SECONDS, "3600"), purposePart, filePart)],
  [
    "an anchor without seconds",
    SECONDS,
    formText(field(ANCHOR, "created_at"), purposePart, filePart),
  ],
  ["too few seconds", SECONDS, formText(field(SECONDS, "3599"))],
  ["too many seconds", SECONDS, formText(field(SECONDS, "2592001"))],
  ["seconds that are no number", SECONDS, formText(field(SECONDS, "1e5"))],
  ["a field without a name", "", formText(purposePart, `x="y"\r\n\r\nz`)],
  ["another boundary", null, formText(filePart).replaceAll("--X", "--Y")],
  ["no end", null, formText(filePart, purposePart).replace("--X--\r\n", "")],
  ["an end within the file", null, `--X\r\nContent-Disposition: form-data; ${filePart}`],
  ["no form", null, "hello"],
  ["no body", "file", ""],
])("%s is refused, and what it is about is told", async (_what, param, body) => {
  const { status, error } = await rig.uploadError(body, handForm);
  expect({ status, code: error.code, param: error.param }).toEqual({
    status: 400,
    code: "invalid_request",
    param,
  });
  expect(error.message).not.toBe("");
});

test("a thousand fields are too many", async () => {
  const form = new FormData();
  form.set("purpose", "batch");
  for (let n = 0; n < 1_000; n++) form.append("purpose", "batch");
  form.set("file", new Blob(["{}"]), "a");
  expect(await rig.uploadError(form)).toMatchObject({ status: 400, error: { param: "purpose" } });
  const known = formText(filePart, ...Array.from({ length: 1_000 }, (_, n) => field(`${n}`, "")));
  expect(await rig.uploadError(known, handForm)).toMatchObject({
    status: 400,
    error: { param: "0" },
  });
  const skipped = "--X\r\nX-Part: 1\r\n\r\n\r\n".repeat(1_000);
  expect(await rig.uploadError(skipped + formText(filePart), handForm)).toMatchObject({
    status: 400,
    error: { message: "The form has more fields than this server takes.", param: null },
  });
});

test("no form is 415, and a form without a boundary 400", async () => {
  for (const type of ["application/json", "text/plain", "application/octet-stream"])
    expect(await rig.uploadError("{}", { "content-type": type })).toMatchObject({
      status: 415,
      error: { code: "unsupported_media_type" },
    });
  const noBoundary = { "content-type": "multipart/form-data" };
  expect(await rig.uploadError("{}", noBoundary)).toMatchObject({ status: 400 });
});

test("a file that is too large is refused before it is sent, and when its size was not told", async () => {
  const tooLarge = { status: 413, error: { code: "payload_too_large", param: "file" } };
  const refused = await rig.raw("/v1/files", { ...handForm, "content-length": "600000000" });
  await once(refused.socket, "data");
  refused.socket.destroy();
  expect(await refused.closed).toMatch(/^HTTP\/1.1 413 /);

  expect(await rig.uploadError(sized(MAX_FILE_BYTES + 1))).toMatchObject(tooLarge);
  expect(await rig.uploadError(sized(3 * MAX_FILE_BYTES))).toMatchObject(tooLarge);

  const untold = await rig.raw("/v1/files", { ...handForm, "transfer-encoding": "chunked" });
  const block = `10000\r\n${"x".repeat(65_536)}\r\n`;
  untold.socket.write(block.repeat(20));
  await once(untold.socket, "data");
  untold.socket.destroy();
  expect(await untold.closed).toMatch(/^HTTP\/1.1 413 /);
});

test("a wrong key is refused while the body is still to come", async () => {
  const asked = await rig.raw("/v1/files", {
    ...handForm,
    authorization: "Bearer sk-wrong",
    "content-length": "100000000",
  });
  await once(asked.socket, "data");
  asked.socket.destroy();
  expect(await asked.closed).toMatch(/^HTTP\/1.1 401 /);
});

test("a wrong Idempotency-Key is refused", async () => {
  const headers = { ...handForm, "idempotency-key": "two words" };
  expect(await rig.uploadError(formText(filePart), headers)).toMatchObject({
    status: 400,
    error: { param: "Idempotency-Key" },
  });
});

test("a cut connection leaves nothing", async () => {
  const { socket } = await rig.raw("/v1/files", { ...handForm, "content-length": "900000" });
  socket.write(`--X\r\nContent-Disposition: form-data; ${filePart}${"x".repeat(600_000)}`);
  await eventually(async () => expect((await rig.rows()).chunks).toBe(2));
  socket.destroy();
});
