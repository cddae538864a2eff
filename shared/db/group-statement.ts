import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { classifyDatabaseError } from "./classify-database-error.ts";

export interface GroupStatementOptions<Member, Row> {
  readonly pool: Pick<Pool, "query">;
  /** For the prepared statement's name and for errors. */
  readonly name: string;
  /** One statement with the group as its only parameter, a JSON array. */
  readonly text: string;
  /** Groups larger than this wait for the next statement. */
  readonly maxMembers?: number;
  /** How long an unreachable database is tried again; then the members are rejected. */
  readonly giveUpAfterMs: number;
  readonly memberKey: (member: Member) => string;
  readonly rowKey: (row: Row) => string;
}

interface Pending<Member, Row> {
  readonly member: Member;
  readonly submittedAt: number;
  readonly resolve: (row: Row) => void;
  readonly reject: (error: unknown) => void;
}

const RETRY_PAUSE_MS = 50;
const MAX_CONFLICTS = 5;

/**
 * A statement for many callers at once (group commit): what arrives while the last statement is on
 * the wire goes out together. After a connection error the same group is sent again, since its
 * members are idempotent; after a data error the group is bisected, so that one bad member, or one
 * locked row, never fails another. Submitting a member resolves with its row.
 */
export class GroupStatement<Member, Row> {
  readonly #options: GroupStatementOptions<Member, Row>;
  #waiting: Pending<Member, Row>[] = [];
  #busy = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupStatementOptions<Member, Row>) {
    this.#options = options;
  }

  submit(member: Member): Promise<Row> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ member, submittedAt: Date.now(), resolve, reject });
      if (!this.#busy) void this.#run();
    });
  }

  /** Resolves when everything submitted so far has been answered. */
  async drain(): Promise<void> {
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #run(): Promise<void> {
    this.#busy = true;
    // Callers of the same tick travel together, also when nothing is on the wire.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.#options.maxMembers ?? 128);
      await this.#send(group);
    }
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #send(group: readonly Pending<Member, Row>[]): Promise<void> {
    for (let conflicts = 0; group.length > 0;) {
      try {
        this.#answer(group, await this.#query(group));
        return;
      } catch (error) {
        const failure = classifyDatabaseError(error);
        if (failure === "connection" || (failure === "conflict" && ++conflicts < MAX_CONFLICTS)) {
          group = this.#giveUpLate(group, error);
          await sleep(Math.random() * RETRY_PAUSE_MS);
        } else if (group.length > 1) {
          const half = Math.ceil(group.length / 2);
          await this.#send(group.slice(0, half));
          await this.#send(group.slice(half));
          return;
        } else if (failure === "data") {
          group[0]?.reject(error);
          return;
        } else {
          this.#tryLater(group, error);
          return;
        }
      }
    }
  }

  /** Rejects the members whose time is up; returns the others. */
  #giveUpLate(group: readonly Pending<Member, Row>[], error: unknown): Pending<Member, Row>[] {
    const alive = group.filter(
      (pending) => Date.now() - pending.submittedAt < this.#options.giveUpAfterMs,
    );
    for (const pending of group) if (!alive.includes(pending)) pending.reject(error);
    return alive;
  }

  /** A member behind a lock must not hold up the groups behind it: it joins a later one. */
  #tryLater(group: readonly Pending<Member, Row>[], error: unknown): void {
    const alive = this.#giveUpLate(group, error);
    setTimeout(() => {
      this.#waiting.push(...alive);
      if (!this.#busy && alive.length > 0) void this.#run();
    }, RETRY_PAUSE_MS);
  }

  async #query(group: readonly Pending<Member, Row>[]): Promise<Row[]> {
    const { name, text } = this.#options;
    const members = JSON.stringify(group.map((pending) => pending.member));
    const result = await this.#options.pool.query({ name, text, values: [members] });
    return result.rows as Row[];
  }

  #answer(group: readonly Pending<Member, Row>[], rows: readonly Row[]): void {
    const byKey = new Map(rows.map((row) => [this.#options.rowKey(row), row]));
    for (const pending of group) {
      const row = byKey.get(this.#options.memberKey(pending.member));
      if (row === undefined)
        pending.reject(new Error(`${this.#options.name}: the statement left a member out`));
      else pending.resolve(row);
    }
  }
}
