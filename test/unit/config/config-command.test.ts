import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { configCommand } from "../../../cli/commands/config-command.ts";
import { playedVllm } from "../../support/played-engine.ts";
import { startPlayedServer } from "../../support/played-server.ts";
import { soundText, lookupIn, withLine } from "./config-text.ts";

const demo = fileURLToPath(new URL("../../../config/demo.yaml", import.meta.url));
const demoUrls = {
  SPILLWAY_DEMO_GPU_A_URL: "http://127.0.0.1:5001/v1",
  SPILLWAY_DEMO_GPU_B_URL: "http://127.0.0.1:5002/v1",
  SPILLWAY_DEMO_CLOUD_URL: "http://127.0.0.1:5003/v1",
};

afterEach(() => {
  process.exitCode = undefined;
});

async function run(args: readonly string[], values: Readonly<Record<string, string>> = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const command = configCommand({ stdout, stderr, lookup: lookupIn(values) });
  await command.parseAsync(args, { from: "user" });
  stdout.end();
  stderr.end();
  return {
    stdout: (await stdout.toArray()).join(""),
    stderr: (await stderr.toArray()).join(""),
    exitCode: process.exitCode,
  };
}

function file(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-config-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "spillway.yaml");
  writeFileSync(path, text);
  return path;
}

test("check prints one line for a sound file", async () => {
  expect(await run(["check", demo], demoUrls)).toEqual({
    stdout: `${demo} is valid: 3 providers, 2 models\n`,
    stderr: "",
    exitCode: undefined,
  });
  const path = file(soundText);
  expect((await run(["check", path])).stdout).toBe(`${path} is valid: 2 providers, 1 model\n`);
});

test("check prints all problems, one line each, and fails", async () => {
  const path = file(withLine(5, "    slots: 0", "    colour: red"));
  expect(await run(["check", path])).toEqual({
    stdout: "",
    stderr:
      `${path}:5:12 providers.gpu-a.slots: must be at least 1\n` +
      `${path}:6:5 providers.gpu-a.colour: unknown key\n`,
    exitCode: 1,
  });
});

test("check without a file takes the one of SPILLWAY_CONFIG", async () => {
  const path = file(soundText);
  expect((await run(["check"], { SPILLWAY_CONFIG: path })).stdout).toContain(`${path} is valid`);
});

test("check of a missing file says so and fails", async () => {
  expect(await run(["check", "/nowhere.yaml"])).toEqual({
    stdout: "",
    stderr: "/nowhere.yaml:1:1: cannot be read: no such file\n",
    exitCode: 1,
  });
});

test("schema prints the JSON Schema that the repository carries for editors", async () => {
  const { stdout, exitCode } = await run(["schema"]);
  const carried = new URL("../../../config/spillway.schema.json", import.meta.url);
  expect(stdout).toBe(readFileSync(carried, "utf8"));
  expect(exitCode).toBeUndefined();
});

test("check --online asks every provider and tells what does not go with its engine", async () => {
  const vllm = await startPlayedServer(playedVllm);
  onTestFinished(() => vllm.close());
  const path = file(
    [
      "providers:",
      `  gpu: { location: local, base_url: "${vllm.url}", slots: 4, price: { input: 0, output: 0 } }`,
      "  off: { location: local, base_url: http://127.0.0.1:9/v1, slots: 4, price: { input: 0, output: 0 } }",
      "models:",
      "  m: { serve: [{ provider: gpu, model: tinny }, { provider: off, model: x }] }",
    ].join("\n"),
  );
  expect(await run(["check", path, "--online"])).toEqual({
    stdout:
      `${path} is valid: 2 providers, 1 model\n` +
      "gpu: vllm 0.32.0, tiny (256 tokens)\n" +
      "off: no answer\n",
    stderr:
      "gpu: Route 'm' asks for the model 'tinny', which the engine does not list. It has: tiny.\n" +
      "off: nothing answers at http://127.0.0.1:9/v1/models\n",
    exitCode: 1,
  });
});
