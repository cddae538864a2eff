import type { Counters } from "../../../cli/simulate/counters.ts";

const SHOWN = 3;

/**
 * Finds when an upstream had more calls in flight than slots, and which calls. Seconds are shown
 * relative to the wall clock `atMs`. A call that has not ended counts until the end.
 */
export function findOverlaps(
  { requests }: Pick<Counters, "requests">,
  slots: number,
  atMs: number,
): string[] {
  const calls = Object.entries(requests)
    .map(([id, { startedAtMs, endedAtMs, abortedAtMs, status }]) => ({
      id,
      startedAtMs,
      endedAtMs: endedAtMs ?? Number.POSITIVE_INFINITY,
      how: abortedAtMs === null ? `status ${status}` : "aborted",
    }))
    .toSorted((a, b) => a.startedAtMs - b.startedAtMs);
  const seconds = (ms: number): string => ((ms - atMs) / 1_000).toFixed(3);
  return calls
    .map((call) => calls.filter((other) => isInFlight(other, call.startedAtMs)))
    .filter((inFlight) => inFlight.length > slots)
    .slice(0, SHOWN)
    .map((inFlight) =>
      inFlight
        .map((one) => `${one.id} ${seconds(one.startedAtMs)}-${seconds(one.endedAtMs)} ${one.how}`)
        .join(", "),
    );
}

function isInFlight(call: { startedAtMs: number; endedAtMs: number }, atMs: number): boolean {
  return call.startedAtMs <= atMs && atMs <= call.endedAtMs;
}
