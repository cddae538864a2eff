/** The traits that decide how a call is answered. A call with a job to replay is answered before. */
export interface CallTraits {
  readonly hasIdempotencyKey: boolean;
  /** `Prefer: respond-async`: the caller takes a job in place of the answer. */
  readonly respondAsync: boolean;
  /** True for `"background": true` in a response request. */
  readonly background: boolean;
  /** The caller wants the answer to be kept. */
  readonly stored: boolean;
  /** One of OpenAI's SDKs has sent the request this often before. Other clients have no count. */
  readonly sdkRetries: number | undefined;
  /** True if the configuration lets an SDK's retry join the job whose connection was lost. */
  readonly attachRetries: boolean;
}

/** A job whose request, and later its answer, are in the database. */
export interface StoredPlan {
  readonly kind: "stored";
  /**
   * True if the connection gets the answer. Otherwise it gets the job, and a webhook reports the
   * end.
   */
  readonly callerWaits: boolean;
  /**
   * Decides what a disconnection does to the job. It goes on for a caller that can come again for it. It
   * waits a while for an SDK's retry. It is cancelled when nobody else would ever read the answer.
   */
  readonly onDisconnect: "go-on" | "await-retry" | "cancel";
}

export type AnswerPlan =
  /** The job whose connection this SDK has lost answers; if there is none, a stored one does. */
  | { readonly kind: "join"; readonly otherwise: StoredPlan }
  /** Nothing is stored, because only the caller's connection waits for the answer. */
  | { readonly kind: "interactive" }
  | StoredPlan;

/** Decides how a call is answered. An earlier rule wins over a later one. */
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
