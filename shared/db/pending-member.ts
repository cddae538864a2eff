import { UnansweredError } from "./unanswered-error.ts";

/** No connection to the database can be had since this time. */
export interface Unreachable {
  /** Milliseconds of the monotonic clock. */
  readonly since: number;
  readonly error: unknown;
}

export interface PendingMemberOptions<Row> {
  /** The name of the statement, for errors. */
  readonly name: string;
  /** With `Infinity`, the member never gives up. */
  readonly giveUpAfterMs: number;
  /** The same limit while no connection can be had. */
  readonly unreachableAfterMs: number;
  /** Undefined means that the last try reached the database. */
  readonly unreachable: () => Unreachable | undefined;
  readonly resolve: (row: Row) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Waits for the answer to one member of a group statement until its time is up, whatever the
 * statement is doing. The wait is short while the database cannot be reached, and long while the
 * database is only slow.
 */
export class PendingMember<Member, Row> {
  readonly member: Member;
  /** The member was answered or has given up. */
  isOver = false;
  lastError: unknown;
  readonly #options: PendingMemberOptions<Row>;
  readonly #submittedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(member: Member, options: PendingMemberOptions<Row>) {
    this.member = member;
    this.#options = options;
    const { giveUpAfterMs, unreachableAfterMs } = options;
    this.#lookAfter(Math.min(giveUpAfterMs, unreachableAfterMs));
  }

  resolve(row: Row): void {
    if (this.#end()) this.#options.resolve(row);
  }

  reject(error: unknown): void {
    if (this.#end()) this.#options.reject(error);
  }

  #lookAfter(ms: number): void {
    if (!Number.isFinite(ms)) return;
    // After a stall of the process its timers run before the answers that have arrived are read. So
    // the member checks its time one step later.
    this.#timer = setTimeout(() => setImmediate(() => this.#look()), ms);
  }

  #look(): void {
    if (this.isOver) return;
    const { name, giveUpAfterMs, unreachableAfterMs, unreachable } = this.#options;
    const now = performance.now();
    const waitedMs = now - this.#submittedAt;
    const problem = unreachable();
    const unreachableMs = problem === undefined ? 0 : now - problem.since;
    if (problem !== undefined && unreachableMs >= unreachableAfterMs) this.reject(problem.error);
    else if (waitedMs >= giveUpAfterMs)
      this.reject(new UnansweredError(name, waitedMs, this.lastError));
    else this.#lookAfter(Math.min(giveUpAfterMs - waitedMs, unreachableAfterMs - unreachableMs));
  }

  #end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    clearTimeout(this.#timer);
    return true;
  }
}
