import { afterAll, beforeAll, expect, test } from "vitest";
import { problemOf } from "../openapi/document.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { filePart, formText, handForm, purposePart } from "./file-rig.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 1 } },
    models: "  chat-small: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
    // The limit for prompts does not apply to files.
    server: "{ body_limit: 1KiB }",
  });
});
afterAll(() => broker.stop());

const upload = (...parts: string[]): RequestInit => ({
  method: "POST",
  headers: handForm,
  body: formText(...parts),
});

test("a whole broker serves files as the document says", async () => {
  const { key } = await broker.key();
  const call = async (operation: string, path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${key}`, ...(init.headers as object) };
    const response = await fetch(broker.baseUrl + path, { ...init, headers });
    const body = (await response.json()) as { id: string };
    expect(problemOf(operation, response.status, body)).toBeUndefined();
    return { id: body.id, status: response.status };
  };
  const large = `${filePart}${" ".repeat(300_000)}`;
  const { id, status } = await call("createFile", "/files", upload(large, purposePart));
  expect(status).toBe(200);
  expect((await call("createFile", "/files", upload(filePart))).status).toBe(400);
  expect((await call("createFile", "/files", { method: "POST", body: "{}" })).status).toBe(415);
  await call("listFiles", "/files");
  await call("getFile", `/files/${id}`);
  const behind = { headers: { range: "bytes=9999999-" } };
  expect((await call("getFileContent", `/files/${id}/content`, behind)).status).toBe(416);
  await call("deleteFile", `/files/${id}`, { method: "DELETE" });
  expect((await call("getFile", `/files/${id}`)).status).toBe(404);

  const json = { "content-type": "application/json" };
  const post = (operation: string, path: string, body: object = {}) =>
    call(operation, `/uploads${path}`, {
      method: "POST",
      headers: json,
      body: JSON.stringify(body),
    });
  const uploadFields = { filename: "a", purpose: "evals", bytes: 2, mime_type: "text/plain" };
  const begun = await post("createUpload", "", uploadFields);
  expect((await post("createUpload", "")).status).toBe(400);
  const parts = `/uploads/${begun.id}/parts`;
  const part = await call("createUploadPart", parts, upload(filePart.replace("file", "data")));
  expect((await call("createUploadPart", parts, upload(filePart))).status).toBe(400);
  const refused = await call("createUploadPart", parts, { method: "POST", body: "{}" });
  expect(refused.status).toBe(415);
  await call("getUpload", `/uploads/${begun.id}`);
  const ids = { part_ids: [part.id] };
  expect((await post("completeUpload", `/${begun.id}/complete`, ids)).status).toBe(200);
  expect((await post("cancelUpload", `/${begun.id}/cancel`)).status).toBe(400);
  const { id: other } = await post("createUpload", "", uploadFields);
  expect((await post("cancelUpload", `/${other}/cancel`)).status).toBe(200);
  expect((await post("completeUpload", "/upload_0/complete", ids)).status).toBe(404);
});
