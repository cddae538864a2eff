import { mkdir, readFile, symlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { finishBatch } from "../../../cli/batch/batch-end.ts";
import { StateFile } from "../../../cli/batch/batch-state.ts";
import { batchSchema } from "../../../cli/batch/batch.ts";
import { line } from "../batches/batch-rig.ts";
import { runBatchCommand, workDirectory } from "./batch-command-rig.ts";
import { serveOnce } from "./cli-rig.ts";

const BATCH_FIELDS = { endpoint: "/v1/chat/completions", completion_window: "24h", metadata: {} };

/** The command must fail before it sends a request. */
async function runUnasked(...words: string[]) {
  let asked = 0;
  const url = await serveOnce((_request, response) => {
    asked++;
    response.writeHead(400).end("{}");
  });
  const env = { SPILLWAY_URL: url, SPILLWAY_API_KEY: "sk-test" };
  const { error } = await runBatchCommand(env, ["run", ...words]);
  return { message: error?.message, asked };
}

test("a target that cannot be replaced is found out before anything is sent", async () => {
  const { input, output, errors } = await workDirectory([line("a")]);
  await mkdir(output);
  for (const words of [[], ["--force"]])
    expect(await runUnasked(input, "-o", output, ...words)).toEqual({
      message: `${output} is not a regular file`,
      asked: 0,
    });
  await symlink("/dev/null", errors);
  expect(await runUnasked(input, "-o", `${output}.jsonl`, "--errors", errors, "--force")).toEqual({
    message: `${errors} is not a regular file`,
    asked: 0,
  });
});

test("output and errors are not one file by two names", async () => {
  const { input, output } = await workDirectory([line("a")]);
  const other = `${dirname(output)}/./${basename(output)}`;
  expect(await runUnasked(input, "-o", output, "--errors", other)).toEqual({
    message: "output and errors need a file each",
    asked: 0,
  });
});

test("of two commands at once with other inputs, the second does not go on with the first's batch", async () => {
  const { input, output, state } = await workDirectory([line("a")]);
  const first = new StateFile(output);
  // Both commands look for a state file before one of them begins.
  const read = vi.spyOn(StateFile.prototype, "read").mockImplementationOnce(async () => {
    await first.begin(BATCH_FIELDS, "the hash of another input");
    return undefined;
  });
  onTestFinished(() => read.mockRestore());
  const begun = await runUnasked(input, "-o", output);
  expect(begun.message).toMatch(/says that a batch was begun, .*: the input has changed/);
  expect(begun.asked).toBe(0);
  expect(JSON.parse(await readFile(state, "utf8"))).toMatchObject({
    input_sha256: "the hash of another input",
  });
});

test("what a model said of a line does not move the cursor", async () => {
  const { output, errors } = await workDirectory([]);
  const said: string[] = [];
  const failure = {
    custom_id: "a\u001b[2J",
    response: {
      status_code: 400,
      body: { error: { code: "x", message: "b\u001b]0;t\u0007c\nd" } },
    },
  };
  await finishBatch(endedBatch, {
    client: () => Promise.resolve(new Response(JSON.stringify(failure))),
    targets: { output, errors },
    progress: { show: () => undefined, say: (text) => said.push(text), end: () => undefined },
    patience: {
      signal: new AbortController().signal,
      say: () => undefined,
      pauseMs: 1,
      maxPauseMs: 1,
      patienceMs: 1,
    },
  });
  process.exitCode = undefined;
  expect(said[1]).toBe(`errors: ${errors}; the first: a [2J: 400 x: b ]0;t c d`);
});

const endedBatch = batchSchema.parse({
  id: "batch_1",
  status: "completed",
  endpoint: "/v1/chat/completions",
  model: null,
  errors: null,
  input_file_id: "file-1",
  output_file_id: null,
  error_file_id: "file-2",
  created_at: 0,
  in_progress_at: 0,
  expires_at: 86_400,
  completed_at: 1,
  failed_at: null,
  expired_at: null,
  cancelled_at: null,
  request_counts: { total: 1, completed: 0, failed: 1 },
  usage: null,
  cost: { amount: "0" },
  paused: null,
  metadata: null,
});
