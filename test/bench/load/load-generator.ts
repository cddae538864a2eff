import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Load, LoadMessage, LoadResult } from "./load.ts";

const PROGRAM = fileURLToPath(new URL("./generator-process.ts", import.meta.url));

/** autocannon in its own process, which stays warm from one run to the next. */
export interface LoadGenerator {
  /** Runs one load. `onEdge` is called when the window opens and when it closes. */
  run(load: Load, onEdge: () => void): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts the generator's process; its runs reject once it was stopped. */
export function startLoadGenerator(): LoadGenerator {
  const child = fork(PROGRAM, { serialization: "advanced" });
  const ended = once(child, "exit");
  return {
    run(load, onEdge) {
      return new Promise((resolve, reject) => {
        if (!child.connected) {
          reject(new Error("the load generator was stopped"));
          return;
        }
        let result: LoadResult | undefined;
        const onMessage = (message: LoadMessage): void => {
          if (message.type !== "stopped") onEdge();
          if (message.type === "closed") ({ result } = message);
          if (message.type !== "stopped" || result === undefined) return;
          child.off("message", onMessage);
          child.off("exit", onExit);
          resolve(result);
        };
        const onExit = (): void => reject(new Error("the load generator was stopped"));
        child.on("message", onMessage);
        child.once("exit", onExit);
        child.send(load);
      });
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
