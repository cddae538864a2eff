/** Both numbers have the unit of the values. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/**
 * Computes median and 99th percentile by nearest rank; NaN when there are no values. Sorts the
 * values.
 */
export function spread(values: number[]): Spread {
  values.sort((a, b) => a - b);
  const at = (share: number): number =>
    values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
