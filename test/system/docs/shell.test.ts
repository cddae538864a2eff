import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { allSnippets, snippetsOf, type Snippet } from "../../support/page-snippets.ts";
import { runShell } from "./run-page.ts";

/** Shell lines that no test of this file runs, by a part of them, and why. */
const elsewhere = new Map([
  ["npm ci && npm start", "they are what CI does"],
  ["export DATABASE_URL=postgres://", "test/system/fleet starts those processes"],
  ["docker compose up", "test/system/deploy checks it without an engine"],
  ["simulate gpu --port 4700 &", "it starts servers and does not end"],
  ["batch run", "snippets.test.ts runs it"],
  ["batch raise", "it needs a batch that is paused, below"],
]);

let broker: TestBroker;
let folder: string;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, price: { input: 1, output: 1 } } },
    models: "  demo-chat: { serve: [{ provider: gpu, model: m }], max_output_tokens: 4096 }",
    server: "{}\nwebhooks: { allow_networks: ['127.0.0.0/8'] }",
  });
  const { key } = await broker.key({ name: "demo" });
  folder = await mkdtemp(join(tmpdir(), "spillway-shell-"));
  await mkdir(join(folder, ".spillway"));
  await writeFile(join(folder, ".spillway", "admin-key"), broker.adminKey);
  await writeFile(join(folder, ".spillway", "demo-key"), key);
  const [example = ""] = snippetsOf("docs/configuration.md", "yaml");
  await writeFile(join(folder, "spillway.yaml"), example);
});
afterAll(async () => {
  await broker.stop();
  await rm(folder, { recursive: true });
});

const isElsewhere = ({ code }: Snippet): boolean =>
  [...elsewhere.keys()].some((part) => code.includes(part));
const shell = allSnippets().filter(({ language }) => language === "sh");

test("every snippet that is run elsewhere is on a page", () => {
  const missing = [...elsewhere.keys()].filter(
    (part) => !shell.some(({ code }) => code.includes(part)),
  );
  expect(missing).toEqual([]);
});

const cases = shell.filter((snippet) => !isElsewhere(snippet));
test.each(cases.map(({ page, code }) => ({ page, first: code.split("\n", 1)[0], code })))(
  "$page: the lines from `$first` on work",
  async ({ code }) => {
    const { key } = await broker.key({ allow_webhook_url: true });
    const ended = await runShell(broker, code.replaceAll("sk-…", key), folder, {
      KEY: key,
      SPILLWAY_API_KEY: key,
      DATABASE_URL: broker.databaseUrl,
      OPENAI_API_KEY: "sk-upstream",
    });
    expect(ended).toMatchObject({ code: 0, stderr: "" });
  },
);

test("a paused batch goes on after its cap was raised, as the page on batches says", async () => {
  const { key } = await broker.key();
  const headers = { authorization: `Bearer ${key}` };
  const line = {
    model: "demo-chat",
    messages: [{ role: "user", content: "Hi" }],
    max_tokens: 1000,
  };
  const form = new FormData();
  form.set("purpose", "batch");
  form.set(
    "file",
    new Blob([
      JSON.stringify({ custom_id: "r1", method: "POST", url: "/v1/chat/completions", body: line }),
    ]),
    "lines.jsonl",
  );
  const file = await call<{ id: string }>("/files", { method: "POST", headers, body: form });
  const { id } = await call<{ id: string }>("/batches", {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({
      input_file_id: file.id,
      endpoint: "/v1/chat/completions",
      completion_window: "1h",
      metadata: { max_cost_usd: "0.0001" },
    }),
  });
  const read = () =>
    call<{ status: string; paused?: object | null }>(`/batches/${id}`, { headers });
  await eventually(async () => expect((await read()).paused).toBeTruthy(), 20_000);
  const snippet = snippetsOf("docs/batches.md", "sh").find((code) => code.includes("batch raise"));
  const ended = await runShell(broker, snippet ?? "", folder, { SPILLWAY_API_KEY: key, BATCH: id });
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  await eventually(async () => expect((await read()).status).toBe("completed"), 20_000);
});

async function call<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(`${broker.baseUrl}${path}`, init);
  return (await response.json()) as Answer;
}
