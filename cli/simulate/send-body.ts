import type { Call } from "./call.ts";
import type { Fault } from "./faults.ts";
import { HttpError, type SimulatorKind } from "./http-error.ts";

const JSON_TYPE = "application/json";

/** Sends a whole JSON answer, with the fault applied. */
export async function sendBody(
  call: Call,
  body: string,
  fault: Fault | undefined,
  kind: SimulatorKind,
): Promise<void> {
  const length = Buffer.byteLength(body);
  switch (fault?.type) {
    case "cut":
      call.head(200, { "content-type": JSON_TYPE, "content-length": length });
      call.cut(half(body));
      return;
    case "fin":
      call.head(200, { "content-type": JSON_TYPE });
      call.end(half(body), false);
      return;
    case "malformed":
      call.head(200, { "content-type": JSON_TYPE });
      call.end(`{"id":"chatcmpl-broken","choices":[{"index":0,`, false);
      return;
    case "in_band_error":
      sendError(call, inBandError(fault), kind);
      return;
    case "slow_body":
      call.head(200, { "content-type": JSON_TYPE, "content-length": length }, true);
      await sendSlowly(call, body, fault.bytesPerSecond);
      return;
    case "huge_line":
      call.head(200, { "content-type": JSON_TYPE });
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
      call.head(200, { "content-type": JSON_TYPE, "content-length": length });
      call.end(body, fault?.type !== "abort_finish");
  }
}

/** Sends an error in the upstream's own format. */
export function sendError(call: Call, error: HttpError, kind: SimulatorKind): void {
  call.head(error.status, { "content-type": JSON_TYPE, ...error.headers() });
  call.end(error.body(kind), false);
}

/** Makes the error of an `in_band_error` fault. */
export function inBandError(fault: Extract<Fault, { type: "in_band_error" }>): HttpError {
  return new HttpError({
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

/** Sends the text and then this many bytes `x`, no faster than the client reads. */
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
