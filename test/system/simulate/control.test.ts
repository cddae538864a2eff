import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { simulateCommand } from "../../../cli/commands/simulate-command.ts";
import { chatBody, post, readToEnd, testSimulator } from "../../unit/cli/simulate/support.ts";

test("faults and counters can be reached over HTTP, without the key", async () => {
  const simulator = await testSimulator({ apiKey: "sk-x", kind: "cloud" });
  const at = (path: string): URL => new URL(path, simulator.url);
  const send = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(at(path), { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

  expect((await send("POST", "/sim/fault", { type: "nonsense" })).status).toBe(400);
  expect((await send("POST", "/sim/fault", { type: "status" })).status).toBe(400);
  const set = await send("POST", "/sim/fault", { type: "status", status: 503, times: 9 });
  expect(await set.json()).toEqual({ type: "status", status: 503, times: 9 });
  const call = (): Promise<{ status: number }> =>
    fetch(at("/v1/chat/completions"), {
      method: "POST",
      headers: { authorization: "Bearer sk-x", "x-client-request-id": "a" },
      body: JSON.stringify(chatBody()),
    });
  expect((await call()).status).toBe(503);
  expect((await send("DELETE", "/sim/fault")).status).toBe(200);
  expect((await call()).status).toBe(200);
  const counters = await (await send("GET", "/sim/counters")).json();
  expect(counters).toMatchObject({ calls: 2, faultHits: 1, requests: { a: { calls: 2 } } });
  await send("POST", "/sim/reset");
  expect(simulator.counters()).toMatchObject({ calls: 0, probes: 0 });
});

test.each(["SIGINT", "SIGTERM"] as const)("the command serves until %s", async (signal) => {
  const command = new URL("../../../cli/commands/simulate-command.ts", import.meta.url).href;
  const script = `import { simulateCommand } from ${JSON.stringify(command)};
    await simulateCommand({ stdout: process.stdout }).parseAsync(process.argv.slice(1), { from: "user" });`;
  const flags = [
    "gpu",
    "--slots",
    "3",
    "--output-tokens",
    "5",
    "--no-responses",
    "--model",
    "a",
    "--model",
    "b",
  ];
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, "--", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const url = /^simulated gpu with 3 slots at (http:\/\/127\.0\.0\.1:\d+\/v1)$/.exec(line)?.[1];
  const answer = await fetch(`${url}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ ...chatBody(), model: "b" }),
  });
  expect(await answer.json()).toMatchObject({ usage: { completion_tokens: 5 } });
  const missing = await fetch(`${url}/responses`, { method: "POST", body: "{}" });
  expect(missing.status).toBe(404);
  const exited = once(child, "exit");
  child.kill(signal);
  expect(await exited).toEqual([0, null]);
});

test.each([
  ["an unknown kind", ["tpu"]],
  ["no slots", ["gpu", "--slots", "0"]],
  ["a pace that is no number", ["gpu", "--tokens-per-second", "fast"]],
])("the command refuses %s", async (_, flags) => {
  const command = simulateCommand({ stdout: { write: () => undefined } })
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  await expect(command.parseAsync(flags, { from: "user" })).rejects.toThrow(/argument/);
});

test("a request to somewhere else is not a call", async () => {
  const simulator = await testSimulator();
  const response = await post(simulator, "/nothing", chatBody());
  await readToEnd(response);
  expect(response.status).toBe(404);
  expect(simulator.counters().calls).toBe(0);
});
