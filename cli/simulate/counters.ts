/** What the simulator saw of the calls with one `x-client-request-id`. */
export interface RequestCounters {
  calls: number;
  /** Response headers were handed to the socket, in any of the calls. */
  headersSent: boolean;
  /** Status of the last call that was answered. */
  status: number | null;
  /** The response was sent to its end, whatever it said. */
  completed: boolean;
  /** It was a whole answer that ended as it should, whatever its `usage` said, sent to its end. */
  ok: boolean;
  /** The client closed the connection before the response's end. */
  aborted: boolean;
  /** Wall clock, milliseconds since 1970. */
  startedAtMs: number;
  endedAtMs: number | null;
  abortedAtMs: number | null;
  /** When a part of the response was last handed to the socket. */
  lastSentAtMs: number | null;
  promptTokens: number;
  /** Tokens generated, sent or not, over all choices. */
  completionTokens: number;
  /** Bytes handed to the socket after the client had closed it: 0 unless the simulator errs. */
  bytesAfterAbort: number;
}

interface Totals {
  /** Inference calls whose headers arrived, refused ones too. */
  calls: number;
  /** Of these, calls without `x-client-request-id`. */
  callsWithoutId: number;
  completed: number;
  ok: number;
  aborted: number;
  /** Refused because every slot and waiting place was taken. */
  refusedFull: number;
  faultHits: number;
  promptTokens: number;
  completionTokens: number;
  bytesAfterAbort: number;
  /** GET requests for health, models and metrics. */
  probes: number;
  /** Ids dropped from `requests` because too many came; 0 means that it is complete. */
  forgottenRequests: number;
}

/** A snapshot; changes no more. */
export interface Counters extends Readonly<Totals> {
  /** From the arrival of a call's headers until its response is finished or its socket closed. */
  readonly inFlight: number;
  /** The most that `inFlight` has been since the start or the last reset. */
  readonly highWater: number;
  /** Slots taken now, and calls that wait for one. */
  readonly running: number;
  readonly waiting: number;
  /** Bytes that arrived on any connection, whatever they were. */
  readonly bytesReceived: number;
  readonly connections: number;
  readonly requests: Readonly<Record<string, Readonly<RequestCounters>>>;
}

/** Where one call is counted. A reset leaves it in place, so that late ends do not count anew. */
export interface CallTally {
  readonly row: RequestCounters;
  readonly totals: Totals;
}

/** Counts calls. Ids beyond `rememberedRequests` push out the oldest, and that is counted too. */
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
