import { Counter, type Registry } from "prom-client";

/** Unhandled errors since the process started. */
export interface UnhandledErrorCounts {
  /** Rejected promises without a handler. */
  rejection: number;
  /** Exceptions that nothing caught. They include `error` events without a listener. */
  exception: number;
}

/**
 * Registers `spillway_unhandled_errors_total`. Each of these errors is a mistake of the program.
 */
export function countUnhandledErrors(
  registry: Registry,
  counts: Readonly<UnhandledErrorCounts>,
): void {
  const counter = new Counter({
    name: "spillway_unhandled_errors_total",
    help: "Errors that nothing handled and that the process outlived: should stay at zero.",
    labelNames: ["kind"],
    registers: [registry],
    collect() {
      counter.reset();
      for (const [kind, count] of Object.entries(counts)) counter.inc({ kind }, count);
    },
  });
}
