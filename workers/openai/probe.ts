import { Client } from "undici";

export interface ProbeTarget {
  /** Base URL as configured, e.g. `http://10.0.0.5:8000/v1`. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bound of each of the two requests. */
  readonly timeoutMs: number;
}

/**
 * `GET /health` beside the base URL's `/v1`, then `GET {base}/models` with the given headers:
 * true when either answers 2xx. Each uses a connection of its own, closed after the status line,
 * so a probe never takes a slot's socket. Never throws; an abort gives false.
 */
export async function probe(target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  const base = target.baseUrl.replace(/\/+$/, "");
  const health = new URL(`${base.replace(/\/v1$/, "")}/health`);
  if (await answersOk(health, {}, target.timeoutMs, signal)) return true;
  return await answersOk(new URL(`${base}/models`), target.headers, target.timeoutMs, signal);
}

async function answersOk(
  url: URL,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return false;
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
        onResponseError: giveUp,
      },
    );
    const code = await status;
    return code >= 200 && code < 300;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
    await client.destroy();
  }
}
