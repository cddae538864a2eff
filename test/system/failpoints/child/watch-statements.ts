import { Client } from "pg";
import type { Failpoints } from "./failpoints.ts";
import { nameStatement } from "./name-statement.ts";

type Callback = (error: unknown, result: unknown) => void;

/**
 * Puts a point before and after each statement of this process, whatever connection it uses: before
 * it is written, and when its answer has come but nobody has seen it.
 */
export function watchStatements(failpoints: Failpoints): void {
  const { query } = Client.prototype;
  const watched = function (this: Client, ...given: unknown[]): unknown {
    const [config, second] = given as [string | { text: string; values?: unknown[] }, unknown];
    const text = typeof config === "string" ? config : config.text;
    const values = Array.isArray(second) ? second : typeof config === "string" ? [] : config.values;
    const step = nameStatement(text);
    if (step === undefined) return Reflect.apply(query, this, given);
    failpoints.reach(`before ${step}`, values);
    const answered = (result: unknown): void => {
      failpoints.reach(`after ${step}`, [values, (result as { rows?: unknown }).rows]);
    };
    const callback = given.at(-1);
    if (typeof callback === "function") {
      const watchedCallback: Callback = (error, result) => {
        // pg hands over null or undefined when all is well.
        if (error === null || error === undefined) answered(result);
        (callback as Callback)(error, result);
      };
      return Reflect.apply(query, this, [...given.slice(0, -1), watchedCallback]);
    }
    return (Reflect.apply(query, this, given) as unknown as Promise<unknown>).then((result) => {
      answered(result);
      return result;
    });
  };
  Object.defineProperty(Client.prototype, "query", { value: watched });
}
