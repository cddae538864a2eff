import { CONNECTION_REFUSED, statusOf } from "./http/status-of.ts";
import type { ProbeResult } from "./provider.ts";
import type { WireFormat } from "./wire-format.ts";

type Probed = Pick<WireFormat, "probe" | "sign">;

/**
 * Asks for the health check, then for the list. `timeoutMs` bounds each of the two. It never
 * throws.
 */
export async function probe(
  format: Probed,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { health } = format.probe;
  const healthStatus = await statusOf(health.origin, get(health), timeoutMs, signal);
  if (healthStatus >= 200 && healthStatus < 300) return "well";
  const status = await listStatus(format, timeoutMs, signal);
  if (status > 0) return status < 500 ? "well" : "unwell";
  if (healthStatus > 0) return "unwell";
  return status === CONNECTION_REFUSED ? "refused" : "unreachable";
}

/**
 * Tells whether the upstream's list of models takes the credential. A list that needs none accepts
 * any. It never throws.
 */
export async function checkKey(
  format: Probed,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<"accepted" | "refused" | "unknown"> {
  const status = await listStatus(format, timeoutMs, signal);
  if (status === 401 || status === 403) return "refused";
  return status >= 200 && status < 300 ? "accepted" : "unknown";
}

async function listStatus(format: Probed, timeoutMs: number, signal: AbortSignal): Promise<number> {
  const { list } = format.probe;
  const request = await format.sign(get(list));
  return "kind" in request ? 0 : await statusOf(list.origin, request, timeoutMs, signal);
}

function get({ pathname, search }: URL) {
  return { method: "GET", path: pathname + search, headers: {} } as const;
}
