import { Counter, type Registry } from "prom-client";

/** Errors that reached nobody but the process itself, since its start. */
export interface UnhandledErrorCounts {
  /** Promises that were rejected with nobody to hear it. */
  rejection: number;
  /** Exceptions that nothing caught, `error` events without a listener among them. */
  exception: number;
}

/** `spillway_unhandled_errors_total`: each of them is a mistake of the program. */
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
