import { execFile } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../../support/postgres.ts";
import { runCommand, serveFromSource, startBroker } from "./broker-process.ts";
import { isPostgres, postmasterOf, temporaryDataDir, usedDataDir } from "./data-dir.ts";

const run = promisify(execFile);

interface List {
  readonly data: readonly Record<string, unknown>[];
}

async function admin(url: string, path: string, adminKey: string): Promise<List> {
  const response = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as List;
}

test("a start says in at most a dozen lines what runs, and its curl works as it is printed", async () => {
  const dataDir = await temporaryDataDir();
  const broker = await startBroker({ SPILLWAY_DATA_DIR: dataDir }, serveFromSource);
  expect(broker.welcome.length).toBeLessThanOrEqual(12);
  expect(broker.welcome[0]).toMatch(
    /^Spillway runs at http:\/\/127\.0\.0\.1:\d+ \(Ctrl-C stops it\)$/,
  );
  expect(broker.log()).toEqual([]);
  expect(broker.stderr()).toBe("");

  expect(broker.adminKeyFile).toBe(join(dataDir, "admin-key"));
  expect((await stat(broker.adminKeyFile)).mode & 0o777).toBe(0o600);
  expect((await stat(join(dataDir, "demo-key"))).mode & 0o777).toBe(0o600);
  const adminKey = (await readFile(broker.adminKeyFile, "utf8")).trim();
  expect(broker.stdout()).not.toContain(adminKey);

  const curl = broker.welcome.find((line) => line.trim().startsWith("curl ")) ?? "";
  const { stdout } = await run("sh", ["-c", `${curl} --silent`]);
  expect(JSON.parse(stdout)).toMatchObject({
    object: "chat.completion",
    choices: [{ message: { role: "assistant", content: expect.stringContaining("tok0") } }],
  });
  const { data } = await admin(broker.url, "/admin/ledger", adminKey);
  expect(data).toMatchObject([{ status: "ok", model: "demo-chat", location: "local" }]);
});

test("starting again finds the same keys and the same ledger", async () => {
  const dataDir = await usedDataDir();
  const first = await startBroker({ SPILLWAY_DATA_DIR: dataDir });
  const adminKey = (await readFile(first.adminKeyFile, "utf8")).trim();
  const ask = (url: string): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${first.demoKey}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "demo-chat", messages: [{ role: "user", content: "Hello" }] }),
    });
  expect((await ask(first.url)).status).toBe(200);
  const before = await admin(first.url, "/admin/ledger", adminKey);
  first.child.kill("SIGTERM");
  expect(await first.ended).toMatchObject({ code: 0 });

  const second = await startBroker({ SPILLWAY_DATA_DIR: dataDir });
  expect(second.demoKey).toBe(first.demoKey);
  expect((await readFile(second.adminKeyFile, "utf8")).trim()).toBe(adminKey);
  expect(await admin(second.url, "/admin/ledger", adminKey)).toEqual(before);
  expect((await ask(second.url)).status).toBe(200);
  const { data } = await admin(second.url, "/admin/ledger", adminKey);
  expect(data).toHaveLength(2);
  const keys = await admin(second.url, "/admin/keys", adminKey);
  expect(keys.data).toHaveLength(1);
});

test("a second start on the same data says so and ends, and the first goes on", async () => {
  const dataDir = await usedDataDir();
  const first = await startBroker({ SPILLWAY_DATA_DIR: dataDir });
  const postmaster = postmasterOf(dataDir) ?? 0;
  const second = await runCommand(["serve"], { SPILLWAY_DATA_DIR: dataDir, SPILLWAY_PORT: "0" });
  expect(second).toMatchObject({ code: 1, stdout: "" });
  expect(second.stderr).toBe(
    `spillway: another Spillway runs on ${dataDir}; stop it, or set SPILLWAY_DATA_DIR to another directory\n`,
  );
  expect(postmasterOf(dataDir)).toBe(postmaster);
  expect(isPostgres(postmaster)).toBe(true);
  expect(first.child.exitCode).toBeNull();
  const ready = await fetch(`${first.url}/health/ready`);
  expect(ready.status).toBe(200);
});

test("a taken port is named with the way out, and PostgreSQL does not stay behind", async () => {
  const dataDir = await usedDataDir();
  const other = createServer();
  onTestFinished(() => void other.close());
  const port = await new Promise<number>((resolve) => {
    other.listen(0, "127.0.0.1", () => {
      const address = other.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const ended = await runCommand(["serve"], {
    SPILLWAY_DATA_DIR: dataDir,
    SPILLWAY_PORT: String(port),
  });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toBe(
    `spillway: port ${port} of 127.0.0.1 is taken by another program; set SPILLWAY_PORT to another port, or to 0 for any free one\n`,
  );
  expect(postmasterOf(dataDir)).toBeUndefined();
});

test.each(["SPILLWAY_ADMIN_KEY", "SPILLWAY_ADMIN_KEY_FILE"])(
  "an admin key of %s opens the admin API and is written nowhere",
  async (variable) => {
    const dataDir = await temporaryDataDir();
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    const file = join(dataDir, "given");
    await writeFile(file, "an-admin-key-of-mine\n");
    const value = variable === "SPILLWAY_ADMIN_KEY" ? "an-admin-key-of-mine" : file;
    const env = { SPILLWAY_DATA_DIR: dataDir, DATABASE_URL: database.url };
    const broker = await startBroker({ ...env, [variable]: value });
    expect((await admin(broker.url, "/admin/keys", "an-admin-key-of-mine")).data).toHaveLength(1);
    await expect(admin(broker.url, "/admin/keys", broker.demoKey)).rejects.toThrow("401");
    await expect(stat(join(dataDir, "admin-key"))).rejects.toThrow("ENOENT");
    expect(broker.stdout()).not.toContain("an-admin-key-of-mine");
    expect(broker.welcome.join("\n")).toContain("admin key      from SPILLWAY_ADMIN_KEY");
  },
);
