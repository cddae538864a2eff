import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { environmentLookup, readEnvironment } from "../../../config/environment.ts";
import { parseConfig } from "../../../config/load-config.ts";
import { soundText } from "./config-text.ts";

function secretFile(content: string): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-secret-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "secret");
  writeFileSync(file, content);
  return file;
}

function parseWithKeyFile(path: string) {
  const lookup = environmentLookup({ OPENAI_API_KEY_FILE: path });
  return parseConfig(soundText, { file: "spillway.yaml", lookup });
}

test("reads a setting from its variable, or from the file that NAME_FILE names", () => {
  const lookup = environmentLookup({ A: "1", B_FILE: secretFile("sk-2\n") });
  expect([lookup("A"), lookup("B"), lookup("C")]).toEqual(["1", "sk-2", undefined]);
});

test("an empty variable counts as not set", () => {
  const lookup = environmentLookup({
    A: "",
    B: "",
    B_FILE: secretFile("sk-2"),
    C: "3",
    C_FILE: "",
  });
  expect([lookup("A"), lookup("B"), lookup("C")]).toEqual([undefined, "sk-2", "3"]);
});

test("names the variable when its file is missing, empty or in conflict", () => {
  const empty = secretFile("\n");
  const lookup = environmentLookup({ A_FILE: "/nowhere", B_FILE: empty, C: "x", C_FILE: empty });
  expect(() => lookup("A")).toThrow("A_FILE: cannot read /nowhere");
  expect(() => lookup("B")).toThrow(`B_FILE: ${empty} is empty`);
  expect(() => lookup("C")).toThrow("C and C_FILE are both set");
});

test("a secret file fills a reference in the configuration, and a bad one is a problem of its line", () => {
  expect(parseWithKeyFile(secretFile("sk-file\n")).providers.get("openai")?.apiKey).toBe("sk-file");
  expect(() => parseWithKeyFile("/nowhere")).toThrow(
    "spillway.yaml:10:14 providers.openai.api_key: OPENAI_API_KEY_FILE: cannot read /nowhere",
  );
});

test("the environment has the documented defaults", () => {
  expect(readEnvironment({})).toEqual({
    configFile: undefined,
    host: "127.0.0.1",
    port: undefined,
    dataDir: "./.spillway",
    adminKey: undefined,
    databaseUrl: undefined,
    databaseDirectUrl: undefined,
    redisUrl: undefined,
    redisPrefix: "spillway",
    logLevel: "info",
  });
});

test.each(["65536", "-1", "1.5", "0x10", "abc", "1e3"])("refuses %s as a port", (port) => {
  expect(() => readEnvironment({ SPILLWAY_PORT: port })).toThrow(
    `SPILLWAY_PORT: ${port} is not a port`,
  );
});
