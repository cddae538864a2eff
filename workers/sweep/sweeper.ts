import type { ProviderQueues } from "../../shared/queue/provider-queues.ts";
import { type DueJob, findDueJobs, wakeForEpoch } from "../../shared/jobs/due-jobs.ts";
import {
  closeDeadAttempts,
  closeLostAttempts,
  findStopRequests,
  type LostJob,
} from "../../shared/jobs/lost-attempts.ts";
import { endJobsOfDeadOwner, recordAllLost } from "../../shared/jobs/lost-jobs.ts";
import {
  type FleetProcess,
  forgetProcess,
  listFleet,
} from "../../shared/processes/fleet-processes.ts";
import type { Database } from "../../shared/db/database.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import type { EndState } from "../../shared/contracts/reply.ts";
import { endError } from "../../shared/jobs/explain-end.ts";

export interface SweeperDeps {
  readonly database: Pick<Database, "pool" | "end">;
  readonly queues: Pick<ProviderQueues, "has">;
  /**
   * Returns the queue's epoch. If it differs from the one before, the queue may have lost entries.
   */
  readonly epoch: () => Promise<string>;
  readonly reply: ReplySender;
  /** This worker's name in the fleet. */
  readonly self: string;
  /** This worker's name while it has a lease session. */
  readonly workerId: () => string | undefined;
  /** Jobs that this worker runs now, from before their claim until after their conclusion. */
  readonly running: () => readonly string[];
  /** Stops a job that this worker runs. */
  readonly stop: (job: string, reason: string) => void;
  readonly onLost: (process: FleetProcess) => void;
}

type WaitingJob = Pick<DueJob, "job_id" | "owner" | "provider" | "place">;

/** A process may not yet have noticed a claim of its own that has just committed. */
const FORGOTTEN_AFTER_MS = 5_000;
const PAGE = 200;
/** A heartbeat may stand still for this many sweeps in which PostgreSQL answered. */
const STILL_SWEEPS = 3;

/**
 * Finds what has stopped moving and sets it going again. Each sweep takes bounded pages, so its cost
 * does not grow with the backlog, and any number of sweepers may run side by side.
 */
export class Sweeper {
  readonly #deps: SweeperDeps;
  readonly #beats = new Map<string, { beat: bigint; still: number }>();

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  /**
   * Runs one whole sweep. It rejects when the database does not answer, and then concludes nothing.
   */
  async sweep(): Promise<void> {
    await this.closeOwn();
    await this.closeDead();
    await this.wake();
  }

  /** Stops calls of this worker that are asked to stop, and closes attempts that nobody runs. */
  async closeOwn(): Promise<void> {
    await this.#stopRequested();
    await this.#closeForgotten();
  }

  /** Ends waiting jobs past their deadlines and finds those whose entries are lost. */
  async wake(): Promise<void> {
    await this.#recordEpoch();
    await this.#wakeWaiting();
  }

  /**
   * Stops calls of this worker whose stop request did not arrive by the short way, as a message.
   */
  async #stopRequested(): Promise<void> {
    const worker = this.#deps.workerId();
    if (worker === undefined) return;
    for (const { job_id, cancel_reason } of await findStopRequests(
      this.#deps.database.pool,
      worker,
    ))
      this.#deps.stop(job_id, cancel_reason);
  }

  /**
   * Closes attempts of this worker that nobody runs, because the answer to the claim was lost or
   * the run failed.
   */
  async #closeForgotten(): Promise<void> {
    const worker = this.#deps.workerId();
    if (worker === undefined) return;
    for (;;) {
      const running = this.#deps.running();
      const jobs = await closeLostAttempts(
        this.#deps.database.pool,
        worker,
        running,
        FORGOTTEN_AFTER_MS,
        PAGE,
      );
      await this.#tellLost(jobs);
      if (jobs.length < PAGE) return;
    }
  }

  /** Closes what dead processes left. */
  async closeDead(): Promise<void> {
    const fleet = await listFleet(this.#deps.database.pool);
    const dead = this.#findDead(fleet);
    const known = new Set(fleet.map((process) => process.id));
    for (const id of this.#beats.keys()) if (!known.has(id)) this.#beats.delete(id);
    // Workers first: what they ran is then waiting, and ends with its owner if that is dead too.
    for (const process of dead.toSorted((a, b) => (a.kind < b.kind ? 1 : -1))) {
      this.#deps.onLost(process);
      if (process.kind === "worker")
        await this.#tellLost(await closeDeadAttempts(this.#deps.database.pool, process.id));
      else {
        await this.#endJobsOf(process.id);
        await recordAllLost(this.#deps.database.pool, process.id);
      }
      await forgetProcess(this.#deps.database.pool, process.id);
      this.#beats.delete(process.id);
    }
  }

  /**
   * Tells the owner that its jobs have ended: it may have been declared dead by mistake, and must
   * not wait for them.
   */
  async #endJobsOf(owner: string): Promise<void> {
    for (const job of await endJobsOfDeadOwner(this.#deps.database.pool, owner))
      await this.#deps.reply.notify(owner, job, {
        type: "end",
        state: "cancelled",
        error: { code: "unavailable", message: "The broker lost its place in the fleet." },
      });
  }

  /**
   * Counts a heartbeat as standing still only in sweeps between which our own went on. A server
   * that reads but does not commit, or that was away, makes all heartbeats stand still.
   */
  #findDead(fleet: readonly FleetProcess[]): FleetProcess[] {
    const own = fleet.find(({ id }) => id === this.#deps.self);
    const isAlive = own !== undefined && own.beat !== this.#beats.get(own.id)?.beat;
    return fleet.filter((process) => this.#isDead(process, isAlive));
  }

  #isDead({ id, beat, locked }: FleetProcess, beatsGoOn: boolean): boolean {
    const last = this.#beats.get(id);
    const stood = last?.beat === beat;
    const still = stood ? last.still + (beatsGoOn ? 1 : 0) : 0;
    this.#beats.set(id, { beat, still });
    // This process itself stops and closes what it ran when it lost its own lease.
    if (id === this.#deps.self) return false;
    return !locked || still >= STILL_SWEEPS;
  }

  /**
   * Wakes waiting jobs when the queue's epoch has changed. While the queue does not answer, nothing
   * is known of its entries.
   */
  async #recordEpoch(): Promise<void> {
    const epoch = await this.#deps.epoch().catch(() => undefined);
    if (epoch === undefined) return;
    while ((await wakeForEpoch(this.#deps.database.pool, epoch, PAGE)) > 0)
      await this.#wakeWaiting();
  }

  async #tellLost(jobs: readonly LostJob[]): Promise<void> {
    for (const job of jobs)
      if (job.state === "waiting") await this.#enqueueByOwner(job);
      else await this.#tellEnd(job, job.state, job.error_code ?? undefined);
  }

  async #wakeWaiting(): Promise<void> {
    for (;;) {
      const jobs = await findDueJobs(this.#deps.database.pool, PAGE);
      await Promise.all(jobs.map((job) => this.#wake(job)));
      if (jobs.length < PAGE) return;
    }
  }

  async #wake(job: DueJob): Promise<void> {
    if (job.action === "expired") await this.#tellEnd(job, job.action);
    else if (!(await this.#deps.queues.has(job.provider, job.job_id, job.place)))
      await this.#enqueueByOwner(job);
  }

  async #tellEnd({ owner, job_id }: WaitingJob, state: EndState, code?: string): Promise<void> {
    const error = endError(state, code);
    await this.#deps.reply.notify(owner, job_id, { type: "end", state, error });
  }

  /**
   * Asks the owner to queue the job again, because only the owner has the body. If the owner does
   * not know the job, the job can never run, and it ends.
   */
  async #enqueueByOwner({ owner, job_id, provider, place }: WaitingJob): Promise<void> {
    const heard = await this.#deps.reply.notify(owner, job_id, {
      type: "enqueue",
      provider,
      place,
      delayMs: 0,
    });
    if (!heard)
      await this.#deps.database.end.submit({
        job: job_id,
        place,
        state: "cancelled",
        code: "owner_lost",
      });
  }
}
