import { subscribe } from "node:diagnostics_channel";
import type { Failpoints } from "./failpoints.ts";

/** undici publishes the moments of a call on these channels, in this order. */
const moments = {
  "undici:request:create": "begun",
  "undici:request:bodySent": "sent",
  "undici:request:headers": "headers",
  "undici:request:trailers": "answered",
} as const;

/**
 * Puts points at the moments of a call to an upstream or to a receiver of webhooks. Probes, which
 * are GETs, have none.
 */
export function watchCalls(failpoints: Failpoints): void {
  for (const [channel, moment] of Object.entries(moments))
    subscribe(channel, (message) => {
      const { request } = message as { request: { method: string; headers: unknown } };
      if (request.method !== "POST") return;
      const headers = String(request.headers);
      failpoints.reach(`${headers.includes("webhook-id") ? "webhook" : "call"} ${moment}`, headers);
    });
}
