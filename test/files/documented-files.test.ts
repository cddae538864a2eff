import { afterAll, beforeAll, expect, test } from "vitest";
import { problemOf } from "../openapi/document.ts";
import { startTestBroker, type TestBroker } from "../support/broker.ts";
import { filePart, formText, handForm, purposePart } from "./file-rig.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 1 } },
    models: "  chat-small: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
    // What prompts may have is no limit for files.
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
});
