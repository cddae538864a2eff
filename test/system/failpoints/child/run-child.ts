import { flushCompileCache } from "node:module";
import { readProcessOptions } from "../../../../cli/processes/read-process-options.ts";
import type { ProcessOptions } from "../../../../cli/processes/process-options.ts";
import { readEnvironment } from "../../../../config/environment.ts";
import { slowerLoops } from "../slower-loops.ts";
import { Failpoints, tell } from "./failpoints.ts";
import type { Arming, ToChild } from "./messages.ts";
import { watchCalls } from "./watch-calls.ts";
import { watchMessages } from "./watch-messages.ts";
import { watchStatements } from "./watch-statements.ts";

/** A child's running process. */
export interface StartedChild {
  readonly id: string;
  readonly url: string | undefined;
  stop(): Promise<void>;
}

/** Runs a process of a fleet with points, which the test that has forked it arms. */
export async function runChild(
  points: Iterable<string>,
  start: (options: ProcessOptions, failpoints: Failpoints) => Promise<StartedChild>,
): Promise<void> {
  // Node writes the compile cache when a process ends, but these are killed before that.
  flushCompileCache();
  const fromEnvironment = await readProcessOptions(readEnvironment());
  const options = { ...fromEnvironment, cadences: slowerLoops };
  const failpoints = new Failpoints(points);
  const atStart = process.env["FAILPOINT"];
  if (atStart !== undefined) failpoints.arm(JSON.parse(atStart) as Arming);
  watchStatements(failpoints);
  watchMessages(failpoints);
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
