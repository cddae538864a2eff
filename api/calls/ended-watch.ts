import type { EndedJob } from "../../shared/jobs/find-ended.ts";

/** A job whose caller waits. */
export interface WatchedJob {
  readonly id: string;
  /** The worker that sent the last message. */
  readonly worker: string | undefined;
  /** True when the end has arrived, and the caller only has to take it. */
  readonly hasEnd: boolean;
  /** Ends the wait with what the job's row says. */
  recordEnded(row: EndedJob): void;
}

export interface EndedWatchDeps {
  readonly jobs: () => Iterable<WatchedJob>;
  readonly findEnded: (
    jobs: readonly Pick<WatchedJob, "id" | "worker">[],
  ) => Promise<readonly EndedJob[]>;
  /** Everything that arrived before this time, on the clock of `now`, has been handed over. */
  readonly readSince: () => number;
  /** Reads a clock in milliseconds that only goes forward. */
  readonly now: () => number;
}

const PAGE = 500;
/** A living worker repeats its result until it is acknowledged. */
const PATIENCE_MS = 60_000;
/** The message of an end without a result may be lost, and nobody repeats it. */
const NOTICE_PATIENCE_MS = 5_000;
/** A worker that has sent nothing yet may live: it asks for its jobs every two seconds. */
const UNHEARD_PATIENCE_MS = 10_000;

/**
 * Finds jobs that have ended in the database while their callers still wait: the worker died after
 * it had settled and before its answer was out, or a notice was lost. Time counts only while the
 * inbox is read, so that a Redis that stands still loses no answer.
 */
export class EndedWatch {
  readonly #deps: EndedWatchDeps;
  /** The time at which each job was first seen to have ended. */
  readonly #endedSince = new Map<string, number>();
  #after = "";

  constructor(deps: EndedWatchDeps) {
    this.#deps = deps;
  }

  /** Looks at one page of jobs. The next call looks at the next page. */
  async look(): Promise<void> {
    const jobs = new Map(
      [...this.#deps.jobs()].flatMap((job) => (job.hasEnd ? [] : [[job.id, job]])),
    );
    for (const id of this.#endedSince.keys()) if (!jobs.has(id)) this.#endedSince.delete(id);
    const page = this.#nextPage([...jobs.keys()].toSorted());
    if (page.length === 0) return;
    const watched = page.map((id) => ({ id, worker: jobs.get(id)?.worker }));
    for (const ended of await this.#deps.findEnded(watched)) {
      const job = jobs.get(ended.id);
      if (job !== undefined && this.#isOver(ended, job.worker)) job.recordEnded(ended);
    }
  }

  #nextPage(ids: readonly string[]): string[] {
    const rest = ids.filter((id) => id > this.#after);
    const page = (rest.length > 0 ? rest : ids).slice(0, PAGE);
    this.#after = page.at(-1) ?? "";
    return page;
  }

  #isOver(ended: EndedJob, worker: string | undefined): boolean {
    const { id } = ended;
    const since = this.#endedSince.get(id);
    if (since === undefined) {
      this.#endedSince.set(id, this.#deps.now());
      return false;
    }
    return this.#deps.readSince() > since + patienceMs(ended, worker);
  }
}

function patienceMs({ state, worker_lives }: EndedJob, worker: string | undefined): number {
  if (worker === undefined) return UNHEARD_PATIENCE_MS;
  if (!worker_lives) return 0;
  return state === "done" ? PATIENCE_MS : NOTICE_PATIENCE_MS;
}
