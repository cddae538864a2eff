import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { type CommandProcess, startProgram } from "../process/broker-process.ts";
import { temporaryDataDir } from "../process/data-dir.ts";
import { chat, startUpstreams, writeConfig } from "../process/own-config.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import { checkHealth } from "./check-health.ts";
import { readComposeFile } from "./compose-file.ts";
import { copied, listForm, readDockerfile } from "./dockerfile.ts";
import { buildImageDirectory, type ImageDirectory } from "./image-directory.ts";

const stages = readDockerfile();
const final = stages.at(-1);
if (final === undefined) throw new Error("config/Dockerfile has no stage");
const [program, ...words] = listForm(final, "ENTRYPOINT");

let image: ImageDirectory;
beforeAll(async () => {
  image = await buildImageDirectory();
});
afterAll(() => image.remove());

type Variables = Readonly<Record<string, string>>;

/**
 * Starts as the container's entry point does, except for the user and the read-only file system.
 */
function start(args: readonly string[], env: Variables = {}): CommandProcess {
  return startProgram(process.execPath, [...words, ...args], env, image.path);
}

test("every stage has the Node version that the project pins, in a small image", () => {
  const { node } = packageJson.dependencies;
  for (const { base } of stages)
    expect(base).toMatch(new RegExp(`^node:${node.replaceAll(".", "\\.")}-\\w+-slim( AS \\w+)?$`));
  expect(program).toBe("node");
});

test("it does not run as root", () => {
  const users = final.instructions.filter(({ name }) => name === "USER");
  expect(users).toEqual([{ name: "USER", rest: "1000" }]);
});

test("the build is given what it copies, and neither secrets nor data", () => {
  const ignored = readFileSync(new URL("../../../.dockerignore", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(ignored[0]).toBe("*");
  const let_in = ignored.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  const wanted = stages.flatMap((stage) => copied(stage).flatMap(({ sources }) => sources));
  expect(let_in.toSorted()).toEqual([...new Set(wanted)].toSorted());
});

test("the broker starts from what the image holds, on the image's own Node", async () => {
  expect(await start(["--version"]).ended).toMatchObject({
    code: 0,
    stdout: `${packageJson.version}\n`,
    stderr: "",
  });
  // A second Node would come first on the PATH of npm scripts.
  expect(existsSync(join(image.path, "node_modules/.bin/node"))).toBe(false);
  for (const name of Object.keys(packageJson.devDependencies))
    expect(existsSync(join(image.path, "node_modules", name))).toBe(false);
});

test.each(["api", "worker", "migrate"])("%s says what it is missing", async (command) => {
  const { code, stdout, stderr } = await start([command]).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^spillway: .*(DATABASE_URL|REDIS_URL)[^\n]*\n$/);
});

test("serve asks for a database, since there is no embedded one", async () => {
  const ended = await start(["serve"]).ended;
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(/^spillway: There is no embedded PostgreSQL .* Set DATABASE_URL /);
});

test("a fleet runs from what the image holds, told what docker-compose.yml tells it", async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const redis = await startTestRedis();
  onTestFinished(() => redis.stop());
  const upstreams = await startUpstreams({ ttftMs: 5, tokensPerSecond: 1_000, outputTokens: 3 });
  const elsewhere: Variables = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    SPILLWAY_CONFIG: await writeConfig(await temporaryDataDir(), upstreams),
  };
  const compose = readComposeFile({ SPILLWAY_ADMIN_KEY: "sk-admin-test" });
  const startService = (name: string): CommandProcess => {
    const { command, environment } = compose.service(name);
    const given = Object.entries(environment).map(([setting, value]) => [
      setting,
      elsewhere[setting] ?? value ?? "",
    ]);
    return start(command, { ...(Object.fromEntries(given) as Variables), SPILLWAY_PORT: "0" });
  };

  expect(await startService("migrate").ended).toMatchObject({ code: 0, stderr: "" });
  const created = await start(["key", "create", "--name", "app", "--json"], elsewhere).ended;
  const { key } = JSON.parse(created.stdout) as { key: string };
  const api = startService("api");
  const worker = startService("worker");
  const apiUrl = await said(api, /^Spillway API runs at (\S+)$/m);
  const workerUrl = await said(worker, /^Spillway worker runs, health at (\S+)$/m);
  expect((await chat(apiUrl, key)).status).toBe(200);
  expect(await checkHealth("api", apiUrl)).toBe(0);
  expect(await checkHealth("worker", workerUrl)).toBe(0);

  api.child.kill("SIGTERM");
  expect(await api.ended).toMatchObject({ code: 0 });
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toMatchObject({ code: 0 });
});

function said(process: CommandProcess, pattern: RegExp): Promise<string> {
  return eventually(() => {
    const [, found] = pattern.exec(process.stdout()) ?? [];
    if (found === undefined) throw new Error(`not said yet: ${process.stdout()}`);
    return found;
  }, 30_000);
}
