import { EventEmitter } from "node:events";

/** Each SIGUSR2 makes the next one; the last one repeats without end. */
const mistakes: readonly (() => void)[] = [
  () => void Promise.reject(new Error("nobody awaits this")),
  () => void new EventEmitter().emit("error", new Error("nobody listens to this")),
  () => {
    throw Object.assign(new Error("thrown in a callback"), { command: { args: ["a prompt"] } });
  },
  () => {
    setInterval(() => {
      throw new Error("thrown again and again");
    }, 1);
  },
];

// The file is loaded before a command, so these mistakes happen inside its process.
let next = 0;
process.on("SIGUSR2", () => setImmediate(() => mistakes[next++]?.()));
