import { flushCompileCache } from "node:module";
import { readProcessOptions } from "../../../../cli/processes/read-process-options.ts";
import type { ProcessOptions } from "../../../../cli/processes/process-options.ts";
import { readEnvironment } from "../../../../config/environment.ts";
import { Failpoints, tell } from "./failpoints.ts";
import type { Arming, ToChild } from "./messages.ts";
import { watchCalls } from "./watch-calls.ts";
import { watchLetters } from "./watch-letters.ts";
import { watchStatements } from "./watch-statements.ts";

/** What a child's composition root has started. */
export interface StartedChild {
  readonly id: string;
  readonly url: string | undefined;
  stop(): Promise<void>;
}

/** Runs a process of a fleet with points, by word of the test that has forked it. */
export async function runChild(
  points: Iterable<string>,
  start: (options: ProcessOptions, failpoints: Failpoints) => Promise<StartedChild>,
): Promise<void> {
  // Node writes it at a process's end, which these do not live to see.
  flushCompileCache();
  const options = await readProcessOptions(readEnvironment());
  const failpoints = new Failpoints(points);
  const atStart = process.env["FAILPOINT"];
  if (atStart !== undefined) failpoints.arm(JSON.parse(atStart) as Arming);
  watchStatements(failpoints);
  watchLetters(failpoints);
  watchCalls(failpoints);
  const started = await start(options, failpoints);
  process.on("message", (message: ToChild) => {
    if ("arm" in message) {
      failpoints.arm(message.arm);
      tell({ armed: message.arm.point });
    } else void started.stop().then(() => process.disconnect());
  });
  tell({ runs: started.id, url: started.url });
}
