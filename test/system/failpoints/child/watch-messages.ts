import { Redis } from "ioredis";
import { unpackEnvelope } from "../../../../shared/replies/envelope.ts";
import type { Failpoints } from "./failpoints.ts";

interface Command {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly promise: Promise<unknown>;
}

interface Step {
  readonly name: string;
  readonly about: unknown;
}

/** These are sent again when an answer is late, so nothing depends on a single one. */
const repeated = new Set(["send probe", "send gone"]);

/**
 * Puts a point before and after each message of this process to others over Redis: before it is
 * written, and when Redis has it.
 */
export function watchMessages(failpoints: Failpoints): void {
  const { sendCommand } = Redis.prototype;
  const watched = function (this: Redis, ...given: unknown[]): unknown {
    const command = given[0] as Command;
    const steps = stepsOf(command).filter(({ name }) => !repeated.has(name));
    for (const { name, about } of steps) failpoints.reach(`before ${name}`, about);
    const answered = (): void => {
      for (const { name, about } of steps) failpoints.reach(`after ${name}`, about);
    };
    if (steps.length > 0) command.promise.then(answered, () => undefined);
    return Reflect.apply(sendCommand, this, given as Parameters<typeof sendCommand>);
  };
  Object.defineProperty(Redis.prototype, "sendCommand", { value: watched });
}

function stepsOf({ name, args }: Command): Step[] {
  const key = String(args[0]);
  if (name === "xadd" && key.includes(":inbox:")) return messagesOf(args);
  if (name === "set" && key.includes(":payload:")) return [{ name: "store payload", about: key }];
  if (name === "getdel" && key.includes(":payload:"))
    return [{ name: "fetch payload", about: key }];
  if (name === "publish" && key.includes(":wake:")) return [{ name: "announce", about: key }];
  // A script's hash and number of keys come before its keys.
  const [, , first, second] = args.map(String);
  if (name.startsWith("eval") && first?.includes(":log:") && second?.includes(":wake:"))
    return [{ name: "append events", about: first }];
  return [];
}

/** After the key, an id and the sender, each message has a head and, beside it, its bytes. */
function messagesOf(args: readonly unknown[]): Step[] {
  const steps: Step[] = [];
  for (let at = 4; at + 1 < args.length; at += 2) {
    const envelope = unpackEnvelope(String(args[at]).slice(1), Buffer.alloc(0));
    const { kind, job } = envelope;
    const message = "message" in envelope ? envelope.message.type : "";
    const named = { message: `send ${message}`, notice: `notice ${message}` };
    const name = kind === "message" || kind === "notice" ? named[kind] : `send ${kind}`;
    steps.push({ name, about: job });
  }
  return steps;
}
