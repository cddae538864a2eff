import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { allSnippets, snippetsOf } from "../../support/page-snippets.ts";
import { runScripts, runShell, startScripts } from "./run-page.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 16, price: { input: 1, output: 1 } } },
    models: "  demo-chat: { serve: [{ provider: gpu, model: m }], max_output_tokens: 4096 }",
    server: "{}\nwebhooks: { allow_networks: ['127.0.0.0/8'] }",
  });
});
afterAll(() => broker.stop());

const run = (codes: readonly string[], key: string, cwd?: string) =>
  runScripts(broker, codes, key, cwd);

test("every page with JavaScript is run by a test of this file", () => {
  const pages = allSnippets().filter(({ language }) => language === "js");
  expect([...new Set(pages.map(({ page }) => page))]).toEqual([
    "README.md",
    "docs/agents.md",
    "docs/batches.md",
    "docs/files.md",
    "docs/webhooks.md",
  ]);
});

test("the snippets of the README and of the pages on agents and files run, in the name of a key with a budget", async () => {
  const { key } = await broker.key({ budget: { limit_usd: "5", period: "day" } });
  const snippets = ["README.md", "docs/agents.md", "docs/files.md"].flatMap((page) =>
    snippetsOf(page),
  );
  expect(snippets).toHaveLength(12);
  const { code, stdout, stderr } = await run(snippets, key);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.split("tok0 ").length).toBeGreaterThan(8);
  expect(stdout).toContain("true true\n");
  expect(stdout).toMatch(/tok\d+completed\n/);
});

test("the loop of the page on agents stops when the money is gone", async () => {
  const { key } = await broker.key({ budget: { limit_usd: "0.0003", period: "total" } });
  const loop = snippetsOf("docs/agents.md").filter((code) => code.includes("Stopped"));
  const { code, stdout, stderr } = await run(loop, key);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^tok0 /);
  expect(stderr).toMatch(
    /^Stopped: 402 The budget of this API key has \$0\.0\d+ of \$0\.0003 left/,
  );
});

test("the receiver of the page on webhooks hears what is sent to it, now and again", async () => {
  const { key } = await broker.key();
  const port = await freePort();
  const [receive = "", manage = ""] = snippetsOf("docs/webhooks.md");
  const receiver = startScripts(broker, [receive.replaceAll("4800", String(port))], key);
  let heard = "";
  receiver.stdout.on("data", (piece: Buffer) => (heard += piece.toString()));
  await eventually(() => expect(heard).toContain("listens"), 20_000);
  const response = await fetch(`${broker.baseUrl}/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "demo-chat", input: "Hi", background: true }),
  });
  const { id } = (await response.json()) as { id: string };
  const completed = `response.completed ${id}\n`;
  const job = `job.completed ${id.replace("resp_", "job_")}\n`;
  await eventually(() => {
    for (const line of [completed, job]) expect(heard).toContain(line);
  });
  const managed = await run([manage], key);
  expect(managed).toMatchObject({ code: 0, stderr: "" });
  expect(managed.stdout).toMatch(/^204\nwhsec_\S+\nwhd_\w+ delivered/);
  // One of the two comes a second time.
  await eventually(() => expect(heard.split(completed).length + heard.split(job).length).toBe(5));
});

/** Finds the page's first shell snippet that contains the word. */
function shellOf(page: string, word: string): string {
  const snippet = snippetsOf(page, "sh").find((code) => code.includes(word));
  return snippet ?? expect.fail(`no ${word} in ${page}`);
}

test("a night's work of the README and of the page on batches ends in files of answers", async () => {
  const { key } = await broker.key({ budget: { limit_usd: "5", period: "day" } });
  const folder = await mkdtemp(join(tmpdir(), "spillway-docs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [csv = ""] = snippetsOf("docs/batches.md", "csv");
  await writeFile(join(folder, "reviews.csv"), csv);
  const [ask = "", joinRows = "", submit = "", list = "", ...others] =
    snippetsOf("docs/batches.md");
  expect(others).toEqual([]);
  const shell = async (page: string): Promise<string> => {
    const environment = { SPILLWAY_API_KEY: key };
    const ended = await runShell(broker, shellOf(page, "batch run"), folder, environment);
    return ended.code === 0 ? ended.stdout : expect.fail(ended.stderr);
  };
  const byCommand = async (): Promise<void> => {
    expect(await run([ask], key, folder)).toEqual({ code: 0, stdout: "", stderr: "" });
    await shell("docs/batches.md");
  };
  const [table] = await Promise.all([shell("README.md"), byCommand()]);
  expect(table).toMatch(/\nbatch_\w+ +completed +1\/1 /);
  const { code, stdout, stderr } = await run([joinRows, submit, list], key, folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(
    /^completed: 3 of 3 for \$0\.0\d+\n(batch_\w+ completed [13]\/[13] \n){3}$/,
  );
  const linesOf = async (file: string) =>
    (await readFile(join(folder, file), "utf8")).trimEnd().split("\n");
  expect(await linesOf("labelled.csv")).toEqual(
    csv
      .trimEnd()
      .split("\n")
      .map((row, at) => `${row},${at === 0 ? "label" : '"tok0 tok1 tok2 tok3 tok4"'}`),
  );
  expect(await linesOf("labels.jsonl")).toHaveLength(3);
  const [answer = "", ...more] = await linesOf("morning.jsonl");
  expect(more).toEqual([]);
  expect(JSON.parse(answer)).toMatchObject({ custom_id: "r1", response: { status_code: 200 } });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
