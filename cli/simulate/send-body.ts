import type { Call } from "./call.ts";
import type { Fault } from "./faults.ts";
import { Refusal, type SimulatorKind } from "./refusal.ts";

const json = "application/json";

/** Sends a whole JSON answer, spoilt as the fault says. */
export async function sendBody(
  call: Call,
  body: string,
  fault: Fault | undefined,
  kind: SimulatorKind,
): Promise<void> {
  const length = Buffer.byteLength(body);
  switch (fault?.type) {
    case "cut":
      call.head(200, { "content-type": json, "content-length": length });
      call.cut(half(body));
      return;
    case "fin":
      call.head(200, { "content-type": json });
      call.end(half(body), false);
      return;
    case "malformed":
      call.head(200, { "content-type": json });
      call.end(`{"id":"chatcmpl-broken","choices":[{"index":0,`, false);
      return;
    case "in_band_error":
      sendError(call, inBandError(fault), kind);
      return;
    case "slow_body":
      call.head(200, { "content-type": json, "content-length": length }, true);
      await sendSlowly(call, body, fault.bytesPerSecond);
      return;
    case "huge_line":
      call.head(200, { "content-type": json });
      await sendFilled(call, `${body.slice(0, -1)},"padding":"`, fault.bytes);
      call.end(`"}`, true);
      return;
    case "hang_after":
      await call.untilEnd();
      return;
    case undefined:
    case "wrong_usage":
    case "abort_finish":
    case "status":
    case "hang":
    case "drop":
    case "html":
    case "refuse_when_full":
      call.head(200, { "content-type": json, "content-length": length });
      call.end(body, fault?.type !== "abort_finish");
  }
}

/** Sends a refusal in the upstream's own error shape. */
export function sendError(call: Call, refusal: Refusal, kind: SimulatorKind): void {
  call.head(refusal.status, { "content-type": json, ...refusal.headers() });
  call.end(refusal.body(kind), false);
}

/** What an `in_band_error` fault says. */
export function inBandError(fault: Extract<Fault, { type: "in_band_error" }>): Refusal {
  return new Refusal({
    status: fault.status ?? 503,
    message: fault.message ?? "The request queue is full.",
  });
}

/** Sends the text at a rate, to its end. */
export async function sendSlowly(call: Call, text: string, bytesPerSecond: number): Promise<void> {
  const bytes = Buffer.from(text);
  const tickMs = Math.max(50, 1000 / bytesPerSecond);
  const perTick = Math.max(1, Math.round((bytesPerSecond * tickMs) / 1000));
  for (let at = 0; at < bytes.length && call.open; at += perTick) {
    await call.write(bytes.subarray(at, at + perTick));
    await call.sleep(tickMs);
  }
  call.end("", true);
}

/** Sends the text and then that many bytes `x`, no faster than the client reads. */
export async function sendFilled(call: Call, text: string, bytes: number): Promise<void> {
  const block = Buffer.alloc(65_536, "x");
  await call.write(text);
  for (let left = bytes; left > 0 && call.open; left -= block.length) {
    await (call.write(block.subarray(0, left)) ?? call.breathe());
  }
}

function half(body: string): string {
  return body.slice(0, Math.floor(body.length / 2));
}
