import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { line, lines, startBatchRig, type BatchRig } from "../batches/batch-rig.ts";
import { startCommand } from "../process/broker-process.ts";
import { eventually } from "../../support/eventually.ts";
import { runClient } from "./cli-rig.ts";
import {
  forgetfulWay,
  runBatchCommand,
  workDirectory,
  type BatchEnd,
  type Env,
} from "./batch-command-rig.ts";

let rig: BatchRig;
let env: { SPILLWAY_URL: string; SPILLWAY_API_KEY: string };
beforeAll(async () => {
  rig = await startBatchRig({
    providers: {
      gpu: { slots: 8, outputTokens: 4, price: { input: 1, output: 1 } },
      slow: { slots: 4, ttftMs: 100 },
    },
    models: [
      "  chat: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
      "  slow: { serve: [{ provider: slow, model: m }], max_output_tokens: 64 }",
    ].join("\n"),
  });
  env = { SPILLWAY_URL: rig.broker.url, SPILLWAY_API_KEY: rig.key };
});
afterAll(() => rig.stop());

const run = (...words: string[]): Promise<BatchEnd> => runBatchCommand(env, words);
const content = async (id: string | undefined): Promise<string> =>
  (await rig.client.files.content(id ?? "")).text();
const idIn = (text: string): string => /batch_[0-9a-f]{32}/.exec(text)?.[0] ?? expect.fail(text);
/** Lists batches and counts input files. */
async function madeBy(key: string): Promise<{ batches: string[]; inputs: number }> {
  const client = rig.clientOf(key);
  const batches = await Array.fromAsync(client.batches.list());
  const inputs = await Array.fromAsync(client.files.list({ purpose: "batch" }));
  return { batches: batches.map(({ id }) => id), inputs: inputs.length };
}
async function freshEnv(): Promise<Env> {
  return { ...env, SPILLWAY_API_KEY: (await rig.broker.key()).key };
}

test("a file's answers and errors are saved as the API has them", async () => {
  const { input, output, errors, state } = await workDirectory([
    ...lines(20),
    line("bad", { model: "none" }),
  ]);
  const { stdout, stderr, error, code } = await run("run", input, "-o", output);
  expect({ stdout, error, code }).toEqual({ stdout: "", error: undefined, code: 2 });
  const batch = await rig.batch(idIn(stderr));
  expect(await readFile(output, "utf8")).toBe(await content(batch.output_file_id));
  expect(await readFile(errors, "utf8")).toBe(await content(batch.error_file_id));
  expect((await readFile(output, "utf8")).split("\n")).toHaveLength(21);
  expect(stderr).toMatch(
    /\ncompleted: 20 done · 1 failed · \$0\.000\d+ · \d+s · .*out\.jsonl\nerrors: .*out\.errors\.jsonl; the first: bad: 404 model_not_found: The model 'none' .*\n$/,
  );
  expect(existsSync(state)).toBe(false);
});

test("results that are there are kept unless --force replaces them", async () => {
  const { input, output, errors } = await workDirectory(lines(2));
  await writeFile(output, "dear");
  await writeFile(errors, "of an earlier run");
  const refused = await run("run", input, "-o", output);
  expect(refused.error?.message).toMatch(/out\.jsonl exists already; --force replaces it/);
  expect(await readFile(output, "utf8")).toBe("dear");

  const words = ["run", input, "-o", output, "--force", "--json", "--overflow"];
  const { stdout, error, code } = await run(...words, "--metadata", "a=b=c", "--window", "2h");
  expect({ error, code }).toEqual({ error: undefined, code: 0 });
  expect(JSON.parse(stdout)).toMatchObject({
    completion_window: "2h",
    metadata: { a: "b=c", overflow: "if_saturated" },
    request_counts: { completed: 2 },
  });
  expect(await readFile(output, "utf8")).toContain('"r1"');
  expect(existsSync(errors)).toBe(false);
});

test("a file that is refused is told line by line, and the mended one starts anew", async () => {
  const { input, output, state } = await workDirectory([line("a"), line("a"), "{}"]);
  const { stderr, error } = await run("run", input, "-o", output);
  expect(stderr).toMatch(/\nline 2: duplicate_custom_id: .*\nline 3: missing_required_param\w+: /);
  expect(error?.message).toMatch(/^batch_\w+ failed: its file was refused/);
  expect([output, state].filter(existsSync)).toEqual([]);
  await writeFile(input, line("a"));
  expect((await run("run", input, "-o", output)).code).toBe(0);
});

test("after Ctrl-C the same command goes on with the same batch", async () => {
  const own = await freshEnv();
  const { input, output, state } = await workDirectory(lines(40, { model: "slow" }));
  const words = ["run", input, "-o", output];
  const program = startCommand(["batch", ...words], own);
  await eventually(() => expect(program.stderr()).toContain("of 40 done"), 20_000);
  program.signalGroup("SIGINT");
  const { code, stdout, stderr } = await program.ended;
  const id = idIn(stderr);
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toMatch(
    new RegExp(
      `\ninterrupted; ${id} goes on without this command\n.*: the same command again\n.*: spillway batch cancel ${id}\n$`,
    ),
  );
  expect(existsSync(output)).toBe(false);

  const again = await runBatchCommand(own, words);
  expect(again.stderr).toMatch(new RegExp(`^going on with ${id}\n`));
  expect(again.code).toBe(0);
  expect((await readFile(output, "utf8")).split("\n")).toHaveLength(41);
  expect(await madeBy(own["SPILLWAY_API_KEY"] ?? "")).toEqual({ batches: [id], inputs: 1 });
  expect(existsSync(state)).toBe(false);
});

test("lost answers make nothing twice, and are told once", async () => {
  const own = await freshEnv();
  const lost: string[] = [];
  const url = await forgetfulWay(rig.broker.url, lost);
  const { input, output } = await workDirectory(lines(5));
  const end = await runBatchCommand({ ...own, SPILLWAY_URL: url }, ["run", input, "-o", output]);
  expect({ error: end.error, code: end.code }).toEqual({ error: undefined, code: 0 });
  expect(lost).toEqual([
    "POST /v1/files",
    "POST /v1/batches",
    "GET /v1/batches/ID",
    "GET /v1/files/ID/content",
  ]);
  expect(end.stderr.match(/; trying again\n/g)).toHaveLength(4);
  const { batches, inputs } = await madeBy(own["SPILLWAY_API_KEY"] ?? "");
  expect({ batches: batches.length, inputs }).toEqual({ batches: 1, inputs: 1 });
  const batch = await rig
    .clientOf(own["SPILLWAY_API_KEY"] ?? "")
    .batches.retrieve(idIn(end.stderr));
  expect(batch.request_counts).toMatchObject({ completed: 5 });
  expect((await readFile(output, "utf8")).split("\n")).toHaveLength(6);
});

test("the same command twice at once is one batch", async () => {
  const own = await freshEnv();
  const { input, output } = await workDirectory(lines(5));
  const words = ["batch", "run", input, "-o", output];
  const ends = await Promise.all([runClient(own, words), runClient(own, words)]);
  expect(ends.map(({ error }) => error)).toEqual([undefined, undefined]);
  expect((await madeBy(own["SPILLWAY_API_KEY"] ?? "")).batches).toHaveLength(1);
  expect((await readFile(output, "utf8")).split("\n")).toHaveLength(6);
});

test("a revoked key ends the wait, and another input or option is no going on", async () => {
  const { key, id: keyId } = await rig.broker.key();
  const { input, output, state } = await workDirectory(lines(200, { model: "slow" }));
  const own = { ...env, SPILLWAY_API_KEY: key };
  const words = ["run", input, "-o", output];
  const running = runBatchCommand(own, words);
  await eventually(async () => expect((await madeBy(key)).batches).toHaveLength(1));
  const kept = await eventually(async () => {
    const text = await readFile(state, "utf8");
    expect(text).toContain("batch_id");
    return text;
  });
  await rig.broker.admin("DELETE", `/admin/keys/${keyId}`);
  expect((await running).error?.message).toMatch(/^401 invalid_api_key: .* The batch is kept/);

  expect((await run(...words)).error?.message).toMatch(
    /^404 .*of another key or broker; --restart/,
  );
  const changed = await run(...words, "--window", "2h", "--max-cost-usd", "1", "--metadata", "a=b");
  expect(changed.error?.message).toMatch(
    /batch_\w+ was begun, and since then: --window was 24h, --metadata a was not given, --max-cost-usd was not given\. .*--restart begins anew$/,
  );
  await writeFile(input, lines(3).join("\n"));
  expect((await run(...words)).error?.message).toMatch(/since then: the input has changed\./);
  expect(await readFile(state, "utf8")).toBe(kept);

  const anew = await run(...words, "--restart");
  expect(anew.code).toBe(0);
  expect(anew.stderr).toContain(`${idIn(kept)} of before is left as it is`);
  expect((await readFile(output, "utf8")).split("\n")).toHaveLength(4);
});

test("a batch that has spent its cap says so, and goes on when it is raised", async () => {
  const { input, output } = await workDirectory(lines(10));
  const running = run("run", input, "-o", output, "--max-cost-usd", "0.00001");
  const id = await eventually(async () => {
    const [batch] = (await rig.client.batches.list({ limit: 1 })).data;
    expect(batch).toMatchObject({ paused: { reason: "max_cost_usd" } });
    return batch?.id ?? "";
  });
  expect((await run("list", "--limit", "1")).stdout).toMatch(/in_progress \(paused\)/);
  const raised = await run("raise", id, "--max-cost-usd", "2");
  expect(raised.stdout).toBe(`${id} may cost 2 USD in all.\n`);
  const { stderr, code } = await running;
  expect(stderr).toMatch(
    /\npaused \(max_cost_usd\).*\npaused: .* spillway batch raise batch_\w+ --max-cost-usd AMOUNT\n/,
  );
  expect(code).toBe(0);
  expect((await run("show", id)).stdout).toMatch(/\nusd +0\.\d+ \(at most 2\)\n/);
});

test("a batch made elsewhere is listed, shown, cancelled, and its results are saved", async () => {
  const { id } = await rig.submit(lines(200, { model: "slow" }), { metadata: { night: "7" } });
  await eventually(async () => expect((await rig.batch(id)).request_counts?.completed).not.toBe(0));
  const { output, errors } = await workDirectory([]);
  const early = await run("download", id, "-o", output);
  expect(early.error?.message).toBe(`${id} has not ended: it is in_progress`);

  const cancelled = await run("cancel", id);
  expect(cancelled.error).toBeUndefined();
  expect(cancelled.stdout).toMatch(/^batch_\w+ is cancelling: \d+ of 200 lines are done and kept/);
  const batch = await rig.until(id, "cancelled");
  const { completed = 0, failed = 0 } = batch.request_counts ?? {};
  const listed = await run("list", "--limit", "1");
  expect(listed.stdout.split("\n")[1]).toMatch(
    new RegExp(`^${id} +cancelled +${completed}/200 +${failed} +0 +20\\d\\d-`),
  );
  const shown = await run("show", id);
  expect(shown.stdout).toMatch(/\nstatus +cancelled\n[^]*\nmetadata +night=7\n/);
  expect(JSON.parse((await run("show", id, "--json")).stdout)).toEqual(batch);

  const { stderr, code } = await run("download", id, "-o", output);
  expect(code).toBe(2);
  expect(stderr).toMatch(/; the first: r\d+: batch_cancelled: /);
  expect(await readFile(output, "utf8")).toBe(await content(batch.output_file_id));
  expect(await readFile(errors, "utf8")).toBe(await content(batch.error_file_id));
  expect((await run("cancel", id)).stdout).toContain("has ended as cancelled");
});

test("a batch without an answer still has its output: an empty one", async () => {
  const { input, output } = await workDirectory([line("bad", { model: "none" })]);
  expect((await run("run", input, "-o", output)).code).toBe(2);
  expect(await readFile(output, "utf8")).toBe("");
});

const none = "/nowhere/none.jsonl";
test.each([
  [["run", none, "-o", "OUT"], {}, /^ENOENT: .*none\.jsonl/],
  [["run", "/", "-o", "OUT"], {}, /^\/ is not a regular file/],
  [["run", "IN", "-o", "IN"], {}, /^the results must not replace the input/],
  [["run", "IN", "-o", "OUT", "--errors", "OUT"], {}, /^output and errors need a file each/],
  [["run", "IN", "-o", none], {}, /^ENOENT: /],
  [["run", "IN", "-o", "OUT", "--errors", none], {}, /^ENOENT: /],
  [
    ["run", "IN", "-o", "OUT", "--window", "9d"],
    {},
    /^Invalid value for 'completion_window': must be a time from 1h/,
  ],
  [
    ["run", "IN", "-o", "OUT", "--max-cost-usd", "x"],
    {},
    /^Invalid value for 'metadata\.max_cost_usd': must be an am/,
  ],
  [["run", "IN", "-o", "OUT", "--metadata", "x"], {}, /Must be like name=value/],
  [
    ["run", "IN", "-o", "OUT", "--endpoint", "/v1/x"],
    {},
    /^Invalid value for 'endpoint': must be one of /,
  ],
  [["run", "TEXT", "-o", "OUT"], {}, /its first line is no request with a url; --endpoint tells/],
  [["run", "IN"], {}, /required option '-o, --output <file>'/],
  [["run", "IN", "-o", "OUT"], { SPILLWAY_API_KEY: "sk-wrong" }, /^401 invalid_api_key: /],
  [["run", "IN", "-o", "OUT"], { SPILLWAY_API_KEY: "" }, /^no API key/],
  [["run", "IN", "-o", "OUT"], { SPILLWAY_URL: "http://127.0.0.1:9" }, /^no answer from .*:9: /],
  [["show", "batch_x"], {}, /^404 not_found: No batch found with id 'batch_x'/],
  [["cancel", "batch_x"], {}, /^404 not_found: /],
  [["download", "batch_x", "-o", "OUT"], {}, /^404 not_found: /],
  [["raise", "batch_x", "--max-cost-usd", "1"], {}, /^404 not_found: /],
])("%j with %j fails in one line", async (words, changes, message) => {
  const { input, output } = await workDirectory(lines(1));
  const text = `${input}.txt`;
  await writeFile(text, "hello");
  const files: Readonly<Record<string, string>> = { IN: input, OUT: output, TEXT: text };
  const given = Object.entries({ ...env, ...changes }).filter(([, value]) => value !== "");
  const end = await runBatchCommand(
    Object.fromEntries(given),
    words.map((word) => files[word] ?? word),
  );
  expect(end.stdout).toBe("");
  expect(end.error?.message.replaceAll(input, "in.jsonl")).toMatch(message);
  expect(end.error?.message).not.toContain("\n");
  expect(existsSync(output)).toBe(false);
});
