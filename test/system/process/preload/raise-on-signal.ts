import { EventEmitter } from "node:events";

/** In turn, one at each SIGUSR2; the last one for ever. */
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

// Loaded before a command, it makes the mistakes of a program from within.
let next = 0;
process.on("SIGUSR2", () => setImmediate(() => mistakes[next++]?.()));
