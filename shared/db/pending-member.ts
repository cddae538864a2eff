import { UnansweredError } from "./unanswered-error.ts";

/** That no connection to the database can be had. */
export interface Unreachable {
  /** Of the monotonic clock, in ms. */
  readonly since: number;
  readonly error: unknown;
}

export interface PendingMemberOptions<Row> {
  /** Of the statement, for errors. */
  readonly name: string;
  /** Infinity: never. */
  readonly giveUpAfterMs: number;
  /** The same while no connection can be had. */
  readonly unreachableAfterMs: number;
  /** Undefined: the database was there when it was last tried. */
  readonly unreachable: () => Unreachable | undefined;
  readonly resolve: (row: Row) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A member of a group statement until it has its answer, or its time is up, whatever its statement is
 * doing: soon while the database cannot be reached, and as late as it may where it is merely slow.
 */
export class PendingMember<Member, Row> {
  readonly member: Member;
  /** Answered or given up. */
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
    // A process that had no time of its own sees its timers before the answers that have come.
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
