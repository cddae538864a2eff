import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { Caller } from "./caller.ts";
import { Program } from "./program.ts";

const PROGRAM = fileURLToPath(new URL("../../../cli/spillway.ts", import.meta.url));
const ADMIN_KEY = "sk-admin-try";

/** `spillway serve` in its own process, with an embedded PostgreSQL. */
export interface TryBroker {
  readonly url: string;
  readonly caller: Caller;
  /** The broker became ready at this time, in Unix milliseconds. */
  readonly readyAt: number;
  /** A caller with the admin key. */
  readonly admin: Caller;
  /** Returns the log lines so far that are JSON objects. */
  log(): Promise<readonly Record<string, unknown>[]>;
  /** Makes a key and returns its secret. */
  key(fields: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the broker with this configuration in its own folder. */
export async function startBroker(runDir: string, config: string): Promise<TryBroker> {
  const dir = join(runDir, "broker");
  await mkdir(dir, { recursive: true });
  const configFile = join(dir, "spillway.yaml");
  await writeFile(configFile, config);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const logFile = join(dir, "broker.log");
  const serve = new Program({
    file: process.execPath,
    args: [PROGRAM, "serve"],
    env: {
      SPILLWAY_CONFIG: configFile,
      SPILLWAY_DATA_DIR: join(dir, "data"),
      SPILLWAY_ADMIN_KEY: ADMIN_KEY,
      SPILLWAY_PORT: String(port),
    },
    logFile,
    readyUrl: `${url}/health/ready`,
    readyTimeoutMs: 120_000,
  });
  await serve.start();
  const readyAt = Date.now();
  const admin = new Caller(url, ADMIN_KEY);
  const key = async (fields: Record<string, unknown>): Promise<string> => {
    const made = await admin.post("/admin/keys", fields);
    return (made.json as { key: string }).key;
  };
  return {
    url,
    readyAt,
    caller: new Caller(url, await key({ name: "try" }), admin),
    admin,
    log: async () => (await readFile(logFile, "utf8")).split("\n").flatMap(readLine),
    key,
    stop: () => serve.stop(),
  };
}

function readLine(line: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return [];
  }
}
