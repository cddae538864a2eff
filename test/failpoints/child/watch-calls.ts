import { subscribe } from "node:diagnostics_channel";
import type { Failpoints } from "./failpoints.ts";

/** undici's own channels of what a call goes through, in this order. */
const moments = {
  "undici:request:create": "call begun",
  "undici:request:bodySent": "call sent",
  "undici:request:headers": "call headers",
  "undici:request:trailers": "call answered",
} as const;

/** Puts points at the moments of a call to an upstream. Probes, which are GETs, have none. */
export function watchCalls(failpoints: Failpoints): void {
  for (const [channel, point] of Object.entries(moments))
    subscribe(channel, (message) => {
      const { request } = message as { request: { method: string; headers: unknown } };
      if (request.method === "POST") failpoints.reach(point, String(request.headers));
    });
}
