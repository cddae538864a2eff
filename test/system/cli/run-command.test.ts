import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startCommand } from "../process/broker-process.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { runClient, serveOnce } from "./cli-rig.ts";

let broker: TestBroker;
let env: { SPILLWAY_URL: string; SPILLWAY_API_KEY: string };
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, outputTokens: 6 }, slow: { slots: 4, tokensPerSecond: 20 } },
    models: [
      "  chat-small: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
      "  chat-slow: { serve: [{ provider: slow, model: m }], max_output_tokens: 4000 }",
      "  embed: { kind: embedding, serve: [{ provider: gpu, model: m }] }",
    ].join("\n"),
  });
  env = { SPILLWAY_URL: broker.url, SPILLWAY_API_KEY: (await broker.key()).key };
});
afterAll(() => broker.stop());

const upstream = (name: string) => broker.upstreams[name] ?? expect.fail(`no upstream ${name}`);
const sentBody = () => upstream("gpu").bodies().at(-1)?.body;

test("a prompt's answer is streamed to stdout, and ends its line", async () => {
  const { stdout, stderr, error } = await runClient(env, ["run", "-m", "chat-small", "Hello"]);
  expect({ stdout, stderr, error }).toEqual({
    stdout: "tok0 tok1 tok2 tok3 tok4 tok5\n",
    stderr: "",
    error: undefined,
  });
  expect(sentBody()).toMatchObject({
    stream: true,
    messages: [{ role: "user", content: "Hello" }],
  });
});

test("the prompt comes from stdin, the system prompt and the cap from options", async () => {
  const words = ["run", "-m", "chat-small", "-", "--system", "Be brief.", "--max-tokens", "2"];
  const { stdout, stderr } = await runClient(env, words, "From a file\n");
  expect(stdout).toBe("tok0 tok1\n");
  expect(stderr).toBe("note: the answer reached its token limit\n");
  expect(sentBody()).toMatchObject({
    max_tokens: 2,
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "From a file\n" },
    ],
  });
});

test("--json prints the whole answer as the API gives it", async () => {
  const { stdout } = await runClient(env, ["run", "-m", "chat-small", "Hello", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    object: "chat.completion",
    choices: [{ message: { content: "tok0 tok1 tok2 tok3 tok4 tok5" } }],
  });
});

test("--background prints the id of a job that goes on", async () => {
  const words = ["run", "-m", "chat-small", "Hello", "--background"];
  const { stdout } = await runClient(env, words);
  expect(stdout).toMatch(/^job_\w+\n$/);
  const waited = await runClient(env, ["jobs", "wait", stdout.trim(), "--result"]);
  expect(waited).toEqual({
    stdout: "tok0 tok1 tok2 tok3 tok4 tok5\n",
    stderr: "",
    error: undefined,
  });
  const whole = await runClient(env, [...words, "--json"]);
  expect(JSON.parse(whole.stdout)).toMatchObject({ object: "job" });
});

test("address and key may be options, the address also with /v1", async () => {
  const flags = ["--url", `${broker.baseUrl}/`, "--key", env.SPILLWAY_API_KEY];
  const { error } = await runClient({}, ["run", "-m", "chat-small", "Hello", ...flags]);
  expect(error).toBeUndefined();
});

test.each([
  [["-m", "none", "x"], {}, /^404 model_not_found: The model 'none' does not exist/],
  [["-m", "embed", "x"], {}, /^400 invalid_request: /],
  [["-m", "chat-small", "x"], { SPILLWAY_API_KEY: "sk-wrong" }, /^401 invalid_api_key: /],
  [["-m", "chat-small", "x"], { SPILLWAY_API_KEY: "sk-\nwrong" }, /^the API key has characters/],
  [["-m", "chat-small", "x"], { SPILLWAY_API_KEY: "" }, /^no API key: set SPILLWAY_API_KEY/],
  [
    ["-m", "chat-small", "x"],
    { SPILLWAY_URL: "http://127.0.0.1:9999" },
    /^no answer from http:\/\/127\.0\.0\.1:9999: .*ECONNREFUSED/,
  ],
  [["-m", "chat-small", "x"], { SPILLWAY_URL: "localhost:4600" }, /^localhost:4600 is not an addr/],
  [["-m", "chat-small"], {}, /^no prompt/],
  [["-m", "chat-small", "x", "--max-tokens", "0"], {}, /Must be a whole number of at least 1/],
  [["x"], {}, /required option '-m, --model <name>'/],
])("%j with %j fails in one line", async (words, changes, message) => {
  const given = Object.entries({ ...env, ...changes }).filter(([, value]) => value !== "");
  const { stdout, error } = await runClient(Object.fromEntries(given), ["run", ...words]);
  expect(stdout).toBe("");
  expect(error?.message).toMatch(message);
  expect(error?.message).not.toContain("\n");
});

test("an answer that breaks off upstream is an error, and what came of it is printed", async () => {
  upstream("gpu").setFault({ type: "cut", afterTokens: 3, times: 1 });
  const { stdout, error } = await runClient(env, ["run", "-m", "chat-small", "Hello"]);
  expect(stdout).toMatch(/^tok0.*\n$/);
  expect(error?.message).toMatch(/^\w+: /);
});

test.each(["end", "cut"])("a stream without its last event is an error: %s", async (how) => {
  const chunk = JSON.stringify({ choices: [{ delta: { content: "half" } }] });
  const url = await serveOnce((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: ${chunk}\n\n`, () => {
      if (how === "end") response.end();
      else response.destroy();
    });
  });
  const { stdout, error } = await runClient({ ...env, SPILLWAY_URL: url }, ["run", "-m", "m", "x"]);
  expect(stdout).toBe("half\n");
  expect(error?.message).toMatch(/^the stream broke off before the answer was complete/);
});

test("Ctrl-C hangs up, and the upstream stops generating", async () => {
  const directory = await mkdtemp(join(tmpdir(), "cli-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const keyFile = join(directory, "key");
  await writeFile(keyFile, `${env.SPILLWAY_API_KEY}\n`);
  const program = startCommand(["run", "-m", "chat-slow", "Hello"], {
    SPILLWAY_URL: broker.url,
    SPILLWAY_API_KEY_FILE: keyFile,
  });
  await eventually(() => expect(program.stdout()).toContain("tok1"), 20_000);
  program.signalGroup("SIGINT");
  const { code, stderr } = await program.ended;
  expect({ code, stderr }).toEqual({
    code: 130,
    stderr: "interrupted; the request is cancelled\n",
  });
  await eventually(() => expect(upstream("slow").counters()).toMatchObject({ aborted: 1 }));
});

test("an error ends the program with 1 and one line on stderr", async () => {
  const words = ["run", "-m", "none", "Hello"];
  const { code, stdout, stderr } = await startCommand(words, env).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^spillway: 404 model_not_found: .*\n$/);
});
