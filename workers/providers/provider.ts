import type { JobRequest } from "../../shared/contracts/job-request.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";

/** A request at one target. Responses always come as a stream, whatever `stream` says. */
export interface ProviderCall extends JobRequest {
  /** The model name that the provider knows. */
  readonly model: string;
  /** The id `<job>.<fence>`, sent as `x-client-request-id`. */
  readonly requestId: string;
  /** The public model name that was asked for. */
  readonly route?: string;
  /**
   * An earlier attempt's cap was too large for this target, and this cap is the largest that it
   * takes.
   */
  readonly capIsLowered?: boolean;
  /** Generated tokens cost nothing at this target. */
  readonly outputIsFree?: boolean;
  /**
   * The engine was asked for exact running usage with every chunk, so that the last usage counts for a
   * stream that is cut.
   */
  readonly runningUsageIsExact?: boolean;
  /**
   * A call that waits inside the engine for longer than `afterMs` may go to a target that takes it
   * now. Undefined if its route does not overflow for waiting.
   */
  readonly overflow?: { readonly afterMs: number; readonly isOpen: () => boolean };
  /** The slot that the call runs in. */
  readonly slot?: CallSlot;
  /** Called at the first byte of the answer, or at a stream's first event. */
  readonly onFirstByte?: () => void;
  /** Called when the call was cut after it had been sent. */
  readonly onCut?: () => void;
  readonly signal: AbortSignal;
}

/** The slot of a call, as the call sees it. */
export interface CallSlot {
  /**
   * Waits until the call has `count` slots. Where there are not so many, it gets all of the fleet,
   * or all of this process. Returns false when it was stopped.
   */
  widen(count: number, most: "fleet" | "share", signal: AbortSignal): Promise<boolean>;
  /** Keeps the slot until `done`, because the engine has not let go of the call. */
  keepUntil(done: Promise<void>): void;
}

/** Takes a stream's events while they come. */
export interface ProviderSink {
  /** Called once, when the first event is known not to be an error. */
  head(): void;
  /** Takes whole events. It resolves when more may come, so that a slow reader slows the upstream. */
  write(text: string): Promise<void>;
}

/**
 * A probe's result. `well`: a health check succeeds, or a model list is answered at all, even with
 * an error (not every provider has one). `unwell`: the provider answers with server errors.
 * `unreachable`: there was no answer. `refused`: nobody listens at the address.
 */
export type ProbeResult = "well" | "unwell" | "unreachable" | "refused";

/** One upstream endpoint. It never throws for what an upstream does: every end is an outcome. */
export interface Provider {
  readonly name: string;
  /** Resolves only when the upstream socket is free of this call: closed, or back in its pool. */
  call(call: ProviderCall, sink: ProviderSink): Promise<ProviderOutcome>;
  /** Asks `GET /health`, then `GET /v1/models`. */
  probe(signal: AbortSignal): Promise<ProbeResult>;
  /** Asks `GET /v1/models` with our credential. */
  checkKey(signal: AbortSignal): Promise<"accepted" | "refused" | "unknown">;
  /**
   * Ends calls in flight that have received nothing for this long, because their engine has
   * stopped. Calls that still get bytes go on.
   */
  cutSilent(silentMs: number): void;
  close(): Promise<void>;
}
