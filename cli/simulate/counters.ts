/** The counters of all calls with one `x-client-request-id`. */
export interface RequestCounters {
  calls: number;
  /** Tells whether response headers were given to the socket in any of the calls. */
  headersSent: boolean;
  /** The status of the last call that was answered. */
  status: number | null;
  /** Tells whether the response was sent to its end, whatever its content. */
  completed: boolean;
  /**
   * Tells whether it was a whole and regular answer, sent to its end; a wrong `usage` does not
   * matter.
   */
  ok: boolean;
  /** Tells whether the client closed the connection before the response's end. */
  aborted: boolean;
  /** Wall clock, milliseconds since 1970. */
  startedAtMs: number;
  endedAtMs: number | null;
  abortedAtMs: number | null;
  /** When a part of the response was last given to the socket. */
  lastSentAtMs: number | null;
  promptTokens: number;
  /** Generated tokens over all choices, sent or not. */
  completionTokens: number;
  /** Bytes given to the socket after the client had closed it; 0 unless the simulator has a bug. */
  bytesAfterAbort: number;
}

interface Totals {
  /** Inference calls whose headers arrived, including refused ones. */
  calls: number;
  /** Calls without `x-client-request-id`. */
  callsWithoutId: number;
  completed: number;
  ok: number;
  aborted: number;
  /** Calls refused because all slots and waiting places were taken. */
  refusedFull: number;
  faultHits: number;
  promptTokens: number;
  completionTokens: number;
  bytesAfterAbort: number;
  /** GET requests for health, models and metrics. */
  probes: number;
  /**
   * Ids removed from `requests` because there were too many; 0 means that the record is complete.
   */
  forgottenRequests: number;
}

/** A snapshot that does not change. */
export interface Counters extends Readonly<Totals> {
  /** Calls whose headers have arrived, and whose response is not finished and socket not closed. */
  readonly inFlight: number;
  /** The maximum of `inFlight` since the start or the last reset. */
  readonly highWater: number;
  /** Calls that hold a slot now. */
  readonly running: number;
  readonly waiting: number;
  /** Bytes that arrived on any connection, of any kind. */
  readonly bytesReceived: number;
  readonly connections: number;
  readonly requests: Readonly<Record<string, Readonly<RequestCounters>>>;
}

/**
 * The counters of one call. A reset replaces the current counters, so that calls which end later do
 * not change the new ones.
 */
export interface CallTally {
  readonly row: RequestCounters;
  readonly totals: Totals;
}

/** Counts calls. More ids than `rememberedRequests` remove the oldest, which is counted as well. */
export class CounterBook {
  readonly #rememberedRequests: number;
  #totals = emptyTotals();
  #rows = new Map<string, RequestCounters>();
  #inFlight = 0;
  #highWater = 0;

  constructor(rememberedRequests: number) {
    this.#rememberedRequests = rememberedRequests;
  }

  begin(clientRequestId: string | undefined): CallTally {
    const totals = this.#totals;
    totals.calls += 1;
    this.#inFlight += 1;
    this.#highWater = Math.max(this.#highWater, this.#inFlight);
    if (clientRequestId === undefined) totals.callsWithoutId += 1;
    const known = clientRequestId === undefined ? undefined : this.#rows.get(clientRequestId);
    const row = known ?? emptyRow();
    row.calls += 1;
    if (known === undefined && clientRequestId !== undefined) this.#remember(clientRequestId, row);
    return { row, totals };
  }

  end(tally: CallTally): void {
    this.#inFlight -= 1;
    tally.row.endedAtMs = Date.now();
  }

  probe(): void {
    this.#totals.probes += 1;
  }

  get totals(): Readonly<Totals> {
    return this.#totals;
  }

  reset(): void {
    this.#totals = emptyTotals();
    this.#rows = new Map();
    this.#highWater = this.#inFlight;
  }

  snapshot(now: Pick<Counters, "running" | "waiting" | "bytesReceived" | "connections">): Counters {
    const rows = Array.from(this.#rows, ([id, row]) => [id, { ...row }] as const);
    return {
      ...this.#totals,
      ...now,
      inFlight: this.#inFlight,
      highWater: this.#highWater,
      requests: Object.fromEntries(rows),
    };
  }

  #remember(id: string, row: RequestCounters): void {
    this.#rows.set(id, row);
    if (this.#rows.size <= this.#rememberedRequests) return;
    const oldest = this.#rows.keys().next().value;
    if (oldest !== undefined) this.#rows.delete(oldest);
    this.#totals.forgottenRequests += 1;
  }
}

function emptyRow(): RequestCounters {
  return {
    calls: 0,
    headersSent: false,
    status: null,
    completed: false,
    ok: false,
    aborted: false,
    startedAtMs: Date.now(),
    endedAtMs: null,
    abortedAtMs: null,
    lastSentAtMs: null,
    promptTokens: 0,
    completionTokens: 0,
    bytesAfterAbort: 0,
  };
}

function emptyTotals(): Totals {
  return {
    calls: 0,
    callsWithoutId: 0,
    completed: 0,
    ok: 0,
    aborted: 0,
    refusedFull: 0,
    faultHits: 0,
    promptTokens: 0,
    completionTokens: 0,
    bytesAfterAbort: 0,
    probes: 0,
    forgottenRequests: 0,
  };
}
