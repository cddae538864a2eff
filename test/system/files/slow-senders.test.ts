import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
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

const RECEIVE_MS = 200;
const IDLE_MS = 500;
const UPLOAD_MS = 1_500;
const LINGER_MS = 200;
const TRICKLE_MS = 40;

let rig: FileRig;
beforeAll(async () => {
  rig = await startFiles({
    receiveMs: RECEIVE_MS,
    uploadIdleMs: IDLE_MS,
    uploadMs: UPLOAD_MS,
    lingerMs: LINGER_MS,
  });
});
afterAll(() => rig[Symbol.asyncDispose]());
afterEach(() => nothingStays(rig));

const form = formText(filePart, purposePart);
const json = { "content-type": "application/json" };

test("a request that does not come in whole in time is answered with 408, and hung up on", async () => {
  const before = performance.now();
  const { socket, closed } = await rig.raw("/plain", { ...json, "content-length": "10" });
  socket.write("{");
  const answer = await closed;
  expect(performance.now() - before).toBeGreaterThanOrEqual(RECEIVE_MS - 1);
  expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
  expect(answer).toContain("connection: close");
  expect(answer).toContain('"code":"invalid_request"');
});

test("a request that trickles in is cut all the same", async () => {
  const { socket, closed } = await rig.raw("/plain", { ...json, "content-length": "1000" });
  const timer = setInterval(() => socket.write(" "), TRICKLE_MS);
  expect(await closed).toMatch(/^HTTP\/1.1 408 /);
  clearInterval(timer);
});

test("an upload may take longer than that, as long as bytes come", async () => {
  const length = String(form.length);
  const { socket, closed } = await rig.raw("/v1/files", { ...handForm, "content-length": length });
  const answered = once(socket, "data");
  const before = performance.now();
  const step = Math.ceil(form.length / 20);
  for (let at = 0; at < form.length; at += step) {
    socket.write(form.slice(at, at + step));
    await sleep(TRICKLE_MS);
  }
  expect(performance.now() - before).toBeGreaterThan(IDLE_MS);
  await answered;
  socket.destroy();
  expect(await closed).toMatch(/^HTTP\/1.1 200 /);
  await rig.pool.query("delete from file_chunks");
  await rig.pool.query("delete from files");
});

test("a silent upload is cut", async () => {
  const { socket, closed } = await rig.raw("/v1/files", {
    ...handForm,
    "content-length": "800000",
  });
  socket.write(form.slice(0, 90) + "x".repeat(300_000));
  await eventually(async () => expect((await rig.rows()).chunks).toBe(1));
  expect(await closed).toMatch(/^HTTP\/1.1 408 /);
});

test("an upload is cut when it takes too long", async () => {
  const before = performance.now();
  const { socket, closed } = await rig.raw("/v1/files", {
    ...handForm,
    "content-length": "800000",
  });
  socket.write(form.slice(0, 90));
  const timer = setInterval(() => socket.write("x"), TRICKLE_MS);
  expect(await closed).toMatch(/^HTTP\/1.1 408 /);
  clearInterval(timer);
  expect(performance.now() - before).toBeGreaterThan(UPLOAD_MS - 1);
});

test("who goes on sending after the answer is hung up on", async () => {
  const { socket, closed } = await rig.raw("/v1/files", {
    ...handForm,
    authorization: "Bearer sk-wrong",
    "content-length": "100000000",
  });
  const timer = setInterval(() => socket.write("x".repeat(1_000)), TRICKLE_MS);
  expect(await closed).toMatch(/^HTTP\/1.1 401 /);
  clearInterval(timer);
});

test("a connection whose requests came in whole stays open", async () => {
  const { socket, closed } = await rig.raw("/plain", { ...json, "content-length": "2" });
  socket.write("{}");
  await once(socket, "data");
  await sleep(RECEIVE_MS + LINGER_MS + 100);
  socket.write("GET /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer no\r\n\r\n");
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 401 /);
  socket.destroy();
  await closed;
});
