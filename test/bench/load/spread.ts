import type { Spread } from "./load.ts";

/** Median and 99th percentile by nearest rank; NaN of nothing. Sorts the values. */
export function spread(values: number[]): Spread {
  values.sort((a, b) => a - b);
  const at = (share: number): number =>
    values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
