import { expect, test } from "vitest";
import { runClient, serveOnce } from "../../../system/cli/cli-rig.ts";

const commands = [
  ["jobs", "list"],
  ["jobs", "show", "job_1"],
  ["jobs", "wait", "job_1"],
  ["jobs", "cancel", "job_1"],
  ["batch", "list"],
  ["batch", "show", "batch_1"],
  ["batch", "cancel", "batch_1"],
  ["run", "-m", "m", "Hi", "--background"],
];

test.each([
  ["a proxy's page", "<html>We are back soon</html>"],
  ["an engine's answer", '{"id":"chatcmpl-1","object":"chat.completion"}'],
  ["a health check's answer", "null"],
])("%s is told as one of another server", async (_name, body) => {
  const url = await serveOnce((_request, response) => response.end(body));
  const env = { SPILLWAY_URL: url, SPILLWAY_API_KEY: "sk-any" };
  for (const words of commands) {
    const { error, stdout } = await runClient(env, words);
    expect(error?.message).toContain(`${url}/v1/`);
    expect(error?.message).toContain(`otherwise than a Spillway broker does: ${body}`);
    expect(stdout).toBe("");
  }
});

test("a password in the address is refused without being shown", async () => {
  const env = { SPILLWAY_URL: "http://me:hunter2@127.0.0.1:1", SPILLWAY_API_KEY: "sk-any" };
  const { error } = await runClient(env, ["jobs", "list"]);
  expect(error?.message).toBe("the broker's address must hold no user name or password");
});

test.each(["show", "cancel"])("batch %s needs an id", async (name) => {
  const env = { SPILLWAY_URL: "http://127.0.0.1:1", SPILLWAY_API_KEY: "sk-any" };
  const { error } = await runClient(env, ["batch", name, ""]);
  expect(error?.message).toMatch(/argument 'id'. Must not be empty/);
});
