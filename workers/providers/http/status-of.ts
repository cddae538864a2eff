import { Client } from "undici";
import { errorCode } from "../../../shared/errors/error-kind.ts";
import type { OutgoingRequest } from "./exchange.ts";

/** The answer of `statusOf` when nobody listens there. */
export const CONNECTION_REFUSED = -1;

/**
 * Returns the HTTP status that a request gets, 0 when none came, or `CONNECTION_REFUSED`. The
 * request has a connection of its own, closed after the status line, so that it never takes a
 * slot's socket. It never throws; an abort counts as no answer.
 */
export async function statusOf(
  origin: string,
  { method, path, headers }: OutgoingRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  if (signal.aborted) return 0;
  const client = new Client(origin, {
    allowH2: false,
    connectTimeout: timeoutMs,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const { promise: status, resolve } = Promise.withResolvers<number>();
  const giveUp = () => resolve(0);
  const timer = setTimeout(giveUp, timeoutMs);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    client.dispatch(
      { method, path, headers: { ...headers } },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => {
          if (code >= 200) resolve(code);
        },
        onResponseData: () => undefined,
        onResponseEnd: () => undefined,
        onResponseError: (_controller, error) => {
          resolve(errorCode(error) === "ECONNREFUSED" ? CONNECTION_REFUSED : 0);
        },
      },
    );
    return await status;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
    await client.destroy();
  }
}
