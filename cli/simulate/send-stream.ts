import type { Call } from "./call.ts";
import type { Fault } from "./faults.ts";
import type { Generation } from "./generation.ts";
import type { Pace } from "./pace.ts";
import type { SimulatorKind } from "./http-error.ts";
import { inBandError, sendFilled, sendSlowly } from "./send-body.ts";
import type { WireFormat } from "./wire-format.ts";

/** The most tokens in one write, when many are ready at once. */
const BATCH_TOKENS = 256;

interface StreamOptions {
  readonly kind: SimulatorKind;
  readonly generation: Generation;
  readonly steps: number;
  readonly pace: Pace;
  readonly format: WireFormat;
  readonly fault: Fault | undefined;
}

/** Streams the answer as server-sent events, with the fault applied, until the client leaves. */
export async function sendStream(call: Call, options: StreamOptions): Promise<void> {
  const { kind, steps, pace, format, fault } = options;
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  };
  // vLLM sends headers before the first token, clouds with it; with a fault they are always sent
  // first.
  call.head(200, headers, kind === "gpu" || fault !== undefined);
  await pace.reach(call, 1);
  if (!call.open) return;

  if (fault?.type === "huge_line") {
    await sendFilled(call, format.opening() + format.endlessLine(), fault.bytes);
    call.end("", false);
    return;
  }
  if (fault?.type === "slow_body") {
    call.countGenerated(options.generation.tokensAfter(steps));
    const text = format.opening() + format.tokens(0, steps) + format.ending();
    await sendSlowly(call, text, fault.bytesPerSecond);
    return;
  }
  // An error after no token is the very first event, as in real engines.
  const bare = steps === 0 && (fault?.type === "in_band_error" || fault?.type === "malformed");
  const rest = await sendTokens(call, bare ? "" : format.opening(), options);
  await sendEnding(call, rest, options);
}

/**
 * Sends tokens as they become ready. Returns the last text, which is sent together with the ending.
 */
async function sendTokens(call: Call, opening: string, options: StreamOptions): Promise<string> {
  const { generation, steps, pace, format } = options;
  let pending = opening;
  let step = 0;
  while (step < steps && call.open) {
    const ready = Math.min(pace.ready(steps), step + BATCH_TOKENS);
    if (ready <= step) {
      await pace.reach(call, step + 1);
      continue;
    }
    call.countGenerated(generation.tokensAfter(ready) - generation.tokensAfter(step));
    pending += format.tokens(step, ready);
    step = ready;
    if (step === steps) break;
    const slower = call.write(pending);
    pending = "";
    await (slower ?? (pace.ready(steps) > step ? call.breathe() : undefined));
  }
  return pending;
}

async function sendEnding(call: Call, rest: string, options: StreamOptions): Promise<void> {
  const { format, fault } = options;
  switch (fault?.type) {
    case "cut":
      call.cut(rest + (fault.withUsage === true ? format.usageEvent() : ""));
      return;
    case "hang_after":
      if (rest !== "") await call.write(rest);
      await call.untilEnd();
      return;
    case "fin":
      call.end(rest, false);
      return;
    case "in_band_error":
      call.end(rest + format.errorEvents(inBandError(fault)), false);
      return;
    case "malformed":
      call.end(rest + format.brokenEvents(), false);
      return;
    case undefined:
    case "wrong_usage":
    case "abort_finish":
    case "slow_body":
    case "huge_line":
    case "status":
    case "hang":
    case "drop":
    case "html":
    case "refuse_when_full":
      call.end(rest + format.ending(), fault?.type !== "abort_finish");
  }
}
