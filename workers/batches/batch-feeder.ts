import {
  claimBatches,
  type FedBatch,
  finishBatch,
  releaseBatches,
  sumBatch,
  turnBatch,
} from "../../shared/batches/claim-batches.ts";
import { promoteLines } from "../../shared/batches/open-lines.ts";
import type { BatchState } from "../../shared/batches/batch-row.ts";
import { serviceClasses } from "../../shared/contracts/job-request.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";
import { feedLines, type FeedDeps } from "./feed-lines.ts";
import { FeedWindow } from "./feed-window.ts";
import { stopLines, type StopDeps } from "./stop-lines.ts";
import { validateBatch, type ValidateDeps } from "./validate-batch.ts";
import { writeLines } from "./write-lines.ts";

export interface BatchFeederDeps extends FeedDeps, StopDeps, ValidateDeps {
  readonly database: FeedDeps["database"] & StopDeps["database"];
  /** This worker's name in the fleet; undefined while it has no lease session. */
  readonly workerId: () => string | undefined;
  readonly providerStates: Pick<ProviderStates, "get">;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** The memory of one feeder about a batch. Another feeder starts without it. */
interface Feed {
  readonly window: FeedWindow;
  /** The batch may be fed, and its sums are written, from these times on, by the clock of `now`. */
  feedAt: number;
  sumAt: number;
}

/** One round takes this many batches at most. The next round takes the next ones. */
const PAGE = 40;
/** This many batches are worked on at once, because callers need the database's connections too. */
const AT_ONCE = 4;
/** One statement ends at most this many lines that have not begun. */
const LINE_PAGE = 5_000;
/** Without a batch, the feeder asks the database less often. */
const IDLE_MS = 500;
/** Adding up 50,000 lines takes tens of milliseconds. */
const SUM_MS = 1_000;
/**
 * The feeder pauses this long after a budget fell short, since jobs of the batch may still give
 * some of it back.
 */
const SHORT_MS = 300;

/**
 * Carries batches from their files to their results: it reads the file, makes jobs of as many lines
 * as the window lets in, and writes their results. Everything is in the database, and each step is
 * one statement that takes effect once. So the feeder may die anywhere, and another one continues.
 */
export class BatchFeeder {
  readonly #deps: BatchFeederDeps;
  readonly #stopping = new AbortController();
  /** Batches whose files are read, one after the other. */
  readonly #reading = new Set<string>();
  #isReading: Promise<void> = Promise.resolve();
  readonly #feeds = new Map<string, Feed>();
  /**
   * The name after which the next page of batches begins, and the batches seen since the first
   * page.
   */
  #after = "";
  #seen = new Set<string>();
  #nextLookAt = 0;

  constructor(deps: BatchFeederDeps) {
    this.#deps = deps;
  }

  /**
   * Takes one step with each of a page of this worker's batches. A batch that fails holds up no
   * other.
   */
  async round(): Promise<void> {
    const worker = this.#deps.workerId();
    if (worker === undefined || this.#deps.now() < this.#nextLookAt) return;
    const batches = await claimBatches(this.#deps.database.pool, worker, this.#after, PAGE);
    this.#turnPage(batches);
    for (let from = 0; from < batches.length; from += AT_ONCE)
      await Promise.all(batches.slice(from, from + AT_ONCE).map((batch) => this.#tryStep(batch)));
  }

  /** Stops reading and gives the batches back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#isReading;
    const worker = this.#deps.workerId();
    if (worker !== undefined) await releaseBatches(this.#deps.database.pool, worker);
  }

  #turnPage(batches: readonly FedBatch[]): void {
    for (const { id } of batches) this.#seen.add(id);
    const isLast = batches.length < PAGE;
    this.#after = isLast ? "" : (batches.at(-1)?.id ?? "");
    if (!isLast) return;
    for (const id of this.#feeds.keys()) if (!this.#seen.has(id)) this.#feeds.delete(id);
    if (this.#seen.size === 0) this.#nextLookAt = this.#deps.now() + IDLE_MS;
    this.#seen = new Set();
  }

  async #tryStep(batch: FedBatch): Promise<void> {
    try {
      await this.#step(batch);
    } catch (error) {
      this.#deps.log.warn(
        { err: error, batch: batch.id },
        "a batch did not move on; it will be tried again",
      );
    }
  }

  async #step(batch: FedBatch): Promise<void> {
    const { pool } = this.#deps.database;
    const state = await turnBatch(pool, batch.id, LINE_PAGE);
    if (state === "validating") this.#read(batch);
    else if (state === "in_progress") await this.#feed(batch, this.#feedOf(batch.id));
    else if (state === "cancelling") await stopLines(this.#deps, batch.id);
    if (batch.total !== null) {
      await writeLines(pool, batch);
      await this.#sum(batch.id);
    }
    if (isEnding(state)) await finishBatch(pool, batch.id);
  }

  async #feed(batch: FedBatch, feed: Feed): Promise<void> {
    const { accepted, database, now } = this.#deps;
    if (batch.urgent) {
      const lines = await promoteLines(database.pool, batch.id, serviceClasses.flex);
      const order = { serviceClass: serviceClasses.flex, delayMs: 0 };
      // An entry that the queue does not take is found missing by a sweeper.
      const add = ({ job_id: job, key_id: tenant, place, provider }: (typeof lines)[number]) =>
        accepted.add({ job, place, provider, tenant, ...order });
      await Promise.allSettled(lines.map(add));
    }
    if (now() < feed.feedAt) return;
    const isShort = await feedLines(this.#deps, batch, feed.window);
    if (isShort) feed.feedAt = now() + SHORT_MS;
  }

  async #sum(batch: string): Promise<void> {
    const feed = this.#feedOf(batch);
    if (this.#deps.now() < feed.sumAt) return;
    await sumBatch(this.#deps.database.pool, batch);
    feed.sumAt = this.#deps.now() + SUM_MS;
  }

  #feedOf(batch: string): Feed {
    const feed = this.#feeds.get(batch);
    if (feed !== undefined) return feed;
    const made = { window: new FeedWindow(this.#deps.providerStates), feedAt: 0, sumAt: 0 };
    this.#feeds.set(batch, made);
    return made;
  }

  /** Reads a batch's file in the background, because a large file takes longer than a round. */
  #read(batch: FedBatch): void {
    if (this.#reading.has(batch.id)) return;
    this.#reading.add(batch.id);
    const { signal } = this.#stopping;
    this.#isReading = this.#isReading
      .then(() => (signal.aborted ? undefined : validateBatch(this.#deps, batch, signal)))
      .catch((error: unknown) => {
        if (!signal.aborted)
          this.#deps.log.warn(
            { err: error, batch: batch.id },
            "a batch's file was not read to its end; it will be read again",
          );
      })
      .finally(() => this.#reading.delete(batch.id));
  }
}

function isEnding(state: BatchState | undefined): boolean {
  return state === "finalizing" || state === "expiring" || state === "cancelling";
}
