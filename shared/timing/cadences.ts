/** Pauses after runs, in milliseconds, by the name of the loop. */
export interface Cadences {
  /** The worker adjusts its slots to its share of the fleet's slots. */
  readonly share: number;
  /** The worker looks for work. */
  readonly look: number;
  /**
   * The worker stops calls on request of other processes, and closes attempts that it does not run.
   */
  readonly stop: number;
  /** The sweeper closes the attempts of dead processes. */
  readonly sweep: number;
  /** The sweeper ends late jobs and finds lost entries. */
  readonly wake: number;
  /** Jobs that wait too long move to an overflow target. */
  readonly overflow: number;
  /** The worker checks that its providers answer. */
  readonly probe: number;
  /** Providers whose rest is over get a trial call. */
  readonly rest: number;
  /** The worker asks its providers which engine they run. */
  readonly engine: number;
  /** The worker asks busy engines for the length of their queues. */
  readonly load: number;
  /** The worker and the fleet exchange the health of providers. */
  readonly health: number;
  /** Lines of batches become jobs, and ended jobs become results. */
  readonly batch: number;
  /** Webhooks that are due are sent. */
  readonly webhook: number;
  /** Rows past their retention are deleted. */
  readonly forget: number;
  /** Jobs whose callers have left for good are ended. */
  readonly abandoned: number;
  /** The budgets of the next period get their rows. */
  readonly period: number;
  /** The API reads the health of the fleet and its providers. */
  readonly fleet: number;
  /** The API ends accepted jobs past their deadlines, in case there is no worker. */
  readonly expire: number;
  /** The API looks for its jobs that have ended without a message. */
  readonly ended: number;
}

/** A broker in production has these cadences. A test may run some loops at others. */
export const cadences: Cadences = {
  share: 250,
  look: 1_000,
  stop: 1_000,
  sweep: 1_000,
  wake: 1_000,
  overflow: 200,
  probe: 1_000,
  rest: 200,
  engine: 500,
  load: 1_000,
  health: 1_000,
  batch: 100,
  webhook: 250,
  forget: 60_000,
  abandoned: 2_000,
  period: 60_000,
  fleet: 1_000,
  expire: 5_000,
  ended: 2_000,
};

/** A loop with this pause waits until there is work. It also runs after this time without work. */
const UNTIL_WOKEN_MS = 60_000;

/** A process in a fleet makes these pauses while there is nothing to do. */
export const fleetIdleCadences: Partial<Cadences> = {
  share: 1_000,
  stop: UNTIL_WOKEN_MS,
  wake: UNTIL_WOKEN_MS,
  overflow: UNTIL_WOKEN_MS,
  rest: UNTIL_WOKEN_MS,
  load: UNTIL_WOKEN_MS,
  batch: UNTIL_WOKEN_MS,
  webhook: UNTIL_WOKEN_MS,
  abandoned: UNTIL_WOKEN_MS,
};

/** A process that is alone on its database makes these pauses: every change there is its own. */
export const aloneIdleCadences: Partial<Cadences> = {
  ...fleetIdleCadences,
  sweep: 5_000,
  health: 5_000,
  fleet: 5_000,
};
