/** The pause after each run of a loop, in milliseconds, by the loop's name. */
export interface Cadences {
  /** The worker brings its slots to its share of the fleet's. */
  readonly share: number;
  /** The worker looks whether there is anything to do. */
  readonly look: number;
  /** The worker stops calls that others asked to stop, and closes attempts that it does not run. */
  readonly stop: number;
  /** The sweeper closes what dead processes left. */
  readonly sweep: number;
  /** The sweeper ends late jobs and finds lost entries. */
  readonly wake: number;
  /** Jobs that wait too long move to an overflow target. */
  readonly overflow: number;
  /** The worker asks its providers whether they answer. */
  readonly probe: number;
  /** Providers whose rest is over get a trial call. */
  readonly rest: number;
  /** The worker asks its providers which engine they run. */
  readonly engine: number;
  /** The worker asks busy engines how long their queues are. */
  readonly load: number;
  /** The worker and the fleet tell each other which providers are well. */
  readonly health: number;
  /** Lines of batches become jobs, and their ends become results. */
  readonly batch: number;
  /** Webhooks that are due are sent. */
  readonly webhook: number;
  /** Rows that are kept no longer are deleted. */
  readonly forget: number;
  /** Jobs whose callers have left for good end. */
  readonly abandoned: number;
  /** The budgets of the next period get their rows. */
  readonly period: number;
  /** The API reads how the fleet and its providers are. */
  readonly fleet: number;
  /** The API ends accepted jobs past their deadlines, should there be no worker. */
  readonly expire: number;
  /** The API looks whether its jobs have ended without a message. */
  readonly ended: number;
}

/** The cadences of a broker in production; a test may run some of its loops at others. */
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

/** A loop with this pause waits for something to do; after so long it runs all the same. */
const UNTIL_WOKEN_MS = 60_000;

/** The pauses of a process of a fleet while there is nothing to do. */
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

/** The same of a process that is alone on its database: whatever changes there, it has done itself. */
export const aloneIdleCadences: Partial<Cadences> = {
  ...fleetIdleCadences,
  sweep: 5_000,
  health: 5_000,
  fleet: 5_000,
};
