/** The traits that decide how a call is answered. A call with a job to replay is answered before. */
export interface CallTraits {
  readonly hasIdempotencyKey: boolean;
  /** `Prefer: respond-async`: the caller takes a job in place of the answer. */
  readonly respondAsync: boolean;
  /** `"background": true` in a response request. */
  readonly background: boolean;
  /** The caller wants the answer to be kept. */
  readonly stored: boolean;
  /** One of OpenAI's SDKs has sent the request so often before. Other clients have no count. */
  readonly sdkRetries: number | undefined;
  /** Configuration: an SDK's retry joins the job whose connection was lost. */
  readonly attachRetries: boolean;
}

/** A job whose request, and later its answer, are in the database. */
export interface StoredPlan {
  readonly kind: "stored";
  /** The connection gets the answer; else it gets the job, and a webhook tells its end. */
  readonly callerWaits: boolean;
  /**
   * Decides what a disconnection does to the job. It goes on for a caller that can come again for it. It
   * waits a while for an SDK's retry. It is cancelled when nobody else would ever read the answer.
   */
  readonly onDisconnect: "go-on" | "await-retry" | "cancel";
}

export type AnswerPlan =
  /** A job whose connection this SDK has lost answers, and a stored one if there is none. */
  | { readonly kind: "join"; readonly otherwise: StoredPlan }
  /** Nothing is stored: the caller's connection is all that waits for the answer. */
  | { readonly kind: "interactive" }
  | StoredPlan;

/** Decides how a call is answered. The order of the rules is the order of their precedence. */
export function planAnswer(call: CallTraits): AnswerPlan {
  const callerWaits = !call.respondAsync && !call.background;
  if (!callerWaits || call.hasIdempotencyKey)
    return { kind: "stored", callerWaits, onDisconnect: "go-on" };
  if (call.attachRetries && call.sdkRetries !== undefined) {
    const stored = { kind: "stored", callerWaits, onDisconnect: "await-retry" } as const;
    return call.sdkRetries > 0 ? { kind: "join", otherwise: stored } : stored;
  }
  return call.stored
    ? { kind: "stored", callerWaits, onDisconnect: "cancel" }
    : { kind: "interactive" };
}
