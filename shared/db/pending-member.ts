export interface PendingMemberOptions<Row> {
  /** Of the statement, for errors. */
  readonly name: string;
  /** Infinity: never. */
  readonly giveUpAfterMs: number;
  readonly resolve: (row: Row) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A member of a group statement until it has its answer, or its time is up: then it is rejected
 * with the last error of its group, whatever its statement is doing.
 */
export class PendingMember<Member, Row> {
  readonly member: Member;
  /** Answered or given up. */
  isOver = false;
  lastError: unknown;
  readonly #options: PendingMemberOptions<Row>;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(member: Member, options: PendingMemberOptions<Row>) {
    this.member = member;
    this.#options = options;
    const { name, giveUpAfterMs } = options;
    if (!Number.isFinite(giveUpAfterMs)) return;
    this.#timer = setTimeout(() => {
      this.reject(this.lastError ?? new Error(`${name}: no answer within ${giveUpAfterMs} ms`));
    }, giveUpAfterMs);
  }

  resolve(row: Row): void {
    if (this.#end()) this.#options.resolve(row);
  }

  reject(error: unknown): void {
    if (this.#end()) this.#options.reject(error);
  }

  #end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    clearTimeout(this.#timer);
    return true;
  }
}
