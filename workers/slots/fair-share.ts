import { createHash } from "node:crypto";

/**
 * Returns how many of a provider's slots this worker holds: `floor(slots / workers)`. The remainder
 * goes, one slot each, to the workers whose hash with the provider comes first, so that small
 * providers are spread over the fleet. The shares of all workers sum to `slots`.
 */
export function fairShare(
  slots: number,
  workers: readonly string[],
  self: string,
  provider: string,
): number {
  if (!workers.includes(self)) return 0;
  const order = workers
    .map((worker) => ({
      worker,
      hash: createHash("sha256").update(`${worker} ${provider}`).digest("hex"),
    }))
    .toSorted((a, b) => (a.hash < b.hash ? -1 : 1));
  const position = order.findIndex(({ worker }) => worker === self);
  return Math.floor(slots / workers.length) + (position < slots % workers.length ? 1 : 0);
}
