import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { TestBroker } from "../../support/broker.ts";
import { compileCache, programFile } from "../../support/programs.ts";

const runner = fileURLToPath(new URL("run-snippets.ts", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts JavaScript as it stands on a page, but for the broker's address. */
export function startScripts(
  broker: TestBroker,
  codes: readonly string[],
  key: string,
  cwd?: string,
) {
  const child = spawn(process.execPath, [runner], {
    cwd,
    env: { PATH: process.env["PATH"], ...compileCache(), KEY: key, SPILLWAY_API_KEY: key },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin.end(JSON.stringify(codes.map((code) => addressed(broker, code))));
  return child;
}

export async function runScripts(
  broker: TestBroker,
  codes: readonly string[],
  key: string,
  cwd?: string,
): Promise<Ended> {
  const child = startScripts(broker, codes, key, cwd);
  const closed = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { code: child.exitCode, stdout, stderr };
}

/**
 * Runs shell lines as they stand on a page; `spillway` starts as npm would start it. The lines fail
 * when a request of curl is refused.
 */
export async function runShell(
  broker: TestBroker,
  snippet: string,
  cwd: string,
  environment: Readonly<Record<string, string>>,
): Promise<Ended> {
  const command = `'${process.execPath}' '${programFile("spillway")}'`;
  const script = addressed(broker, snippet).replaceAll(/npm run (-s )?spillway --/g, command);
  const child = spawn(
    "sh",
    ["-ec", `curl() { command curl --fail-with-body -sS "$@"; }\n${script}`],
    {
      cwd,
      env: {
        PATH: process.env["PATH"],
        ...compileCache(),
        SPILLWAY_URL: broker.url,
        ...environment,
      },
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const closed = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { code: child.exitCode, stdout, stderr };
}

function addressed(broker: TestBroker, code: string): string {
  return code.replaceAll("http://127.0.0.1:4600", broker.url);
}
