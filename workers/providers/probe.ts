import { Client } from "undici";
import { errorCode } from "../../shared/errors/error-code.ts";
import type { ProbeResult } from "./provider.ts";

export interface ProbeTarget {
  /** Base URL as configured, e.g. `http://10.0.0.5:8000/v1`. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bound of each of the two requests. */
  readonly timeoutMs: number;
}

/**
 * `GET /health` beside the base URL's `/v1`, then `GET {base}/models` with the given headers. Each
 * uses a connection of its own, closed after the status line, so a probe never takes a slot's
 * socket. Never throws; an abort counts as no answer.
 */
export async function probe(target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const base = target.baseUrl.replace(/\/+$/, "");
  const health = new URL(`${base.replace(/\/v1$/, "")}/health`);
  const healthStatus = await statusOf(health, {}, target.timeoutMs, signal);
  if (healthStatus >= 200 && healthStatus < 300) return "well";
  const models = new URL(`${base}/models`);
  const modelsStatus = await statusOf(models, target.headers, target.timeoutMs, signal);
  if (modelsStatus > 0) return modelsStatus < 500 ? "well" : "unwell";
  if (healthStatus > 0) return "unwell";
  return modelsStatus === REFUSED ? "refused" : "unreachable";
}

/** Whether the model list takes the credential; a list that needs none accepts any. Never throws. */
export async function checkKey(
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<"accepted" | "refused" | "unknown"> {
  const models = new URL(`${target.baseUrl.replace(/\/+$/, "")}/models`);
  const status = await statusOf(models, target.headers, target.timeoutMs, signal);
  if (status === 401 || status === 403) return "refused";
  return status >= 200 && status < 300 ? "accepted" : "unknown";
}

/** Nobody listens there. */
const REFUSED = -1;

/** The HTTP status, 0 when none came, or `REFUSED`. */
async function statusOf(
  url: URL,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  if (signal.aborted) return 0;
  const client = new Client(url.origin, {
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
      { method: "GET", path: url.pathname + url.search, headers: { ...headers } },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => {
          if (code >= 200) resolve(code);
        },
        onResponseData: () => undefined,
        onResponseEnd: () => undefined,
        onResponseError: (_controller, error) => {
          resolve(errorCode(error) === "ECONNREFUSED" ? REFUSED : 0);
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
