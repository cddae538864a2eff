import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { runClient, serveOnce, type CommandEnd } from "./cli-rig.ts";

export type Env = Readonly<Record<string, string>>;

export interface BatchEnd extends CommandEnd {
  /** The process's exit code if nothing was thrown; 0 when none was set. */
  readonly code: number;
}

/** Runs in this process, one command at a time, since a process has only one exit code. */
export async function runBatchCommand(env: Env, words: readonly string[]): Promise<BatchEnd> {
  const end = await runClient(env, ["batch", ...words]);
  const code = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { ...end, code };
}

/** The directory belongs to the test; it has a file of lines, and paths for the results. */
export async function workDirectory(
  lines: readonly string[],
): Promise<{ input: string; output: string; errors: string; state: string }> {
  const directory = await mkdtemp(join(tmpdir(), "batch-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const input = join(directory, "in.jsonl");
  await writeFile(input, lines.map((line) => `${line}\n`).join(""));
  return {
    input,
    output: join(directory, "out.jsonl"),
    errors: join(directory, "out.errors.jsonl"),
    state: join(directory, "out.jsonl.batch"),
  };
}

/**
 * Starts a proxy to a broker. The broker does all that it is asked, but the proxy loses the first
 * answer to each kind of request: it breaks before the status line, or in the middle of a download.
 * Returns its address.
 */
export async function forgetfulWay(target: string, lost: string[]): Promise<string> {
  return serveOnce((incoming, outgoing) => {
    const { method = "GET", url = "/", headers } = incoming;
    const kind = `${method} ${url.replace(/(file|batch)[-_]\w+/, "ID")}`;
    const isLost = !lost.includes(kind);
    if (isLost) lost.push(kind);
    const onward = request(`${target}${url}`, { method, headers }, (answer) => {
      const { statusCode = 500, headers: answerHeaders } = answer;
      if (!isLost) {
        outgoing.writeHead(statusCode, answerHeaders);
        answer.pipe(outgoing);
        return;
      }
      answer.once("data", (bytes: Buffer) => {
        answer.destroy();
        if (!url.endsWith("/content")) return outgoing.destroy();
        outgoing.writeHead(statusCode, answerHeaders);
        return outgoing.write(bytes.subarray(0, 100), () => outgoing.destroy());
      });
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
}
