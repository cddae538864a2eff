import { once } from "node:events";
import { openAsBlob } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { brokerClient } from "../../../cli/client/broker-client.ts";
import { runCommand } from "./broker-process.ts";

/** The file is far larger than what sockets and streams keep on the way. */
const MANY = 100_000;

// Node 24.21's `fetch` (undici 7.29) raises an error that nobody can handle when it sends a form
// itself: https://github.com/nodejs/undici/issues/5835.
test("an upload that is refused before its end rejects, and that is all", async () => {
  const blob = await openAsBlob(await inputOf(MANY));
  const url = await serve((_, response) => {
    response.writeHead(401, { "content-type": "application/json" });
    response.end('{"error":{"message":"no such key","code":"invalid_api_key"}}');
  });
  const client = brokerClient(url, "sk-any");
  for (let times = 0; times < 5; times++) {
    const body = new FormData();
    body.append("file", blob, "in.jsonl");
    await expect(client("/files", { method: "POST", body })).rejects.toThrow("401 invalid_api_key");
  }
  // Such an error comes as soon as the next part is read, and the test runner fails for it.
  await blob.bytes();
});

test("a file that is changed while it is sent is told in one line", async () => {
  const input = await inputOf(MANY);
  const url = await serve((request) => {
    request.once("data", () => {
      request.pause();
      void appendFile(input, "{}\n").then(() => request.resume());
    });
  });
  const env = { SPILLWAY_URL: url, SPILLWAY_API_KEY: "sk-any" };
  const ended = await runCommand(["batch", "run", input, "-o", `${input}.out`], env);
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(
    /^uploading .*\nspillway: .*in\.jsonl was changed while it was read\n$/,
  );
});

async function inputOf(count: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-upload-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, "in.jsonl");
  const line = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body: {} };
  await writeFile(path, `${JSON.stringify(line)}\n`.repeat(count));
  return path;
}

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}
