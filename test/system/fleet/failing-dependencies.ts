import { Redis } from "ioredis";
import { Client } from "pg";

/**
 * With `breaks`, the connection ends during the call. With `refuses`, the server answers an error.
 */
export type Failure = "breaks" | "refuses";

/**
 * One call of a dependency fails: of PostgreSQL's `connect` and statements, or of Redis's commands.
 */
export interface FailingDependencies {
  /** The n-th call from now on fails. */
  arm(nth: number, failure: Failure): void;
  /**
   * Stops the failures. Returns the call that failed, or undefined when the n-th was not reached.
   */
  disarm(): string | undefined;
  restore(): void;
}

interface Command {
  readonly name: string;
  readonly promise: Promise<unknown>;
  reject(error: Error): void;
}

type Callback = (error: Error) => void;
interface Broken {
  readonly connection: { readonly stream: { destroy(): void } };
}

/** Only processes started in this one are affected; their connections are named `spillway…`. */
export function failDependencies(): FailingDependencies {
  const { query, connect } = Client.prototype;
  const { sendCommand } = Redis.prototype;
  let armed: { readonly nth: number; readonly failure: Failure } | undefined;
  let calls = 0;
  let reached: string | undefined;
  const failureOf = (what: string): Failure | undefined => {
    if (armed === undefined) return undefined;
    calls += 1;
    if (calls !== armed.nth) return undefined;
    reached = what;
    return armed.failure;
  };
  const watch = (original: (...given: never[]) => unknown, what: (given: unknown[]) => string) =>
    function (this: Client, ...given: unknown[]): unknown {
      const failure = isOurs(this) ? failureOf(what(given)) : undefined;
      if (failure === "refuses") return refuse(given);
      const result: unknown = Reflect.apply(original, this, given);
      if (failure === "breaks") (this as unknown as Broken).connection.stream.destroy();
      return result;
    };
  Object.assign(Client.prototype, {
    query: watch(query as () => unknown, (given) => `query ${textOf(given).trim().slice(0, 60)}`),
    connect: watch(connect as () => unknown, () => "connect"),
  });
  const watchedCommand = function (this: Redis, ...given: unknown[]): unknown {
    const command = given[0] as Command;
    const failure = failureOf(`redis ${command.name}`);
    if (failure === "breaks") this.stream?.destroy();
    if (failure === "refuses") {
      command.reject(new Error("OOM command not allowed when used memory > 'maxmemory'."));
      return command.promise;
    }
    return Reflect.apply(sendCommand, this, given as Parameters<typeof sendCommand>);
  };
  Object.defineProperty(Redis.prototype, "sendCommand", { value: watchedCommand });
  return {
    arm(nth, failure) {
      armed = { nth, failure };
      calls = 0;
      reached = undefined;
    },
    disarm() {
      armed = undefined;
      return reached;
    },
    restore() {
      Object.assign(Client.prototype, { query, connect });
      Object.defineProperty(Redis.prototype, "sendCommand", { value: sendCommand });
    },
  };
}

function isOurs(client: Client): boolean {
  const { connectionParameters } = client as unknown as {
    connectionParameters: { application_name?: string };
  };
  return connectionParameters.application_name?.startsWith("spillway") === true;
}

function refuse(given: readonly unknown[]): unknown {
  const error = Object.assign(new Error("no space is left on the device"), { code: "53100" });
  const callback = given.at(-1);
  if (typeof callback !== "function") return Promise.reject(error);
  process.nextTick(() => (callback as Callback)(error));
  return undefined;
}

function textOf([config]: readonly unknown[]): string {
  return typeof config === "string" ? config : (config as { text: string }).text;
}
