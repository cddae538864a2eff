import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { classifyDatabaseError } from "./classify-database-error.ts";
import { PendingMember, type Unreachable } from "./pending-member.ts";
import { preparedStatement } from "./statement.ts";

export interface GroupStatementOptions<Member, Row> {
  readonly pool: Pick<Pool, "query">;
  /** It names the prepared statement and stands in errors. */
  readonly name: string;
  /** The only parameter of the statement is the group, a JSON array. */
  readonly text: string;
  /**
   * A query with the same parameter that says which rows each member would lock. Its columns are
   * `member`, the member's key, and `rows`. Members of one group with the same rows wait together.
   * Without this query, each member waits alone.
   */
  readonly lockedRowsText?: string;
  /** More members than these wait for the next statement. */
  readonly maxMembers?: number;
  /** A member that has waited this long for its answer is rejected. It may still take effect. */
  readonly giveUpAfterMs: number | ((member: Member) => number);
  /**
   * The same limit while no connection to the database can be had. The default is `giveUpAfterMs`.
   */
  readonly unreachableAfterMs?: number;
  readonly memberKey: (member: Member) => string;
  /** The length of a member's large parts. It keeps a group within what one parameter can carry. */
  readonly memberChars?: (member: Member) => number;
  readonly rowKey: (row: Row) => string;
}

const RETRY_PAUSE_MS = 50;
const MAX_CONFLICTS = 5;
const MAX_CHARS = 16 * 1024 * 1024;

/**
 * Runs one statement for many callers at once (group commit): the members that arrive while the
 * last statement is on the wire go out together. After a connection error the same group is sent
 * again, since its members are idempotent. After a data error the group is halved, so that one bad
 * member never fails another. A group that met a locked row is sorted by rows and sent apart, so
 * that it delays nobody else. `submit` resolves with the row of its member.
 */
export class GroupStatement<Member, Row> {
  readonly #options: GroupStatementOptions<Member, Row>;
  #waiting: PendingMember<Member, Row>[] = [];
  #isSending = false;
  /** Members of groups that met a locked row. */
  #apart: PendingMember<Member, Row>[] = [];
  #isSendingApart = false;
  #onIdle: (() => void)[] = [];
  #unreachable: Unreachable | undefined;

  constructor(options: GroupStatementOptions<Member, Row>) {
    this.#options = options;
  }

  submit(member: Member): Promise<Row> {
    const { name, giveUpAfterMs: patience, unreachableAfterMs } = this.#options;
    const giveUpAfterMs = typeof patience === "number" ? patience : patience(member);
    const limits = { giveUpAfterMs, unreachableAfterMs: unreachableAfterMs ?? giveUpAfterMs };
    const unreachable = (): Unreachable | undefined => this.#unreachable;
    return new Promise((resolve, reject) => {
      const options = { name, ...limits, unreachable, resolve, reject };
      this.#waiting.push(new PendingMember(member, options));
      if (!this.#isSending) void this.#sendWaiting();
    });
  }

  /** Resolves when everything submitted so far has been answered. */
  async drain(): Promise<void> {
    if (this.#isSending || this.#isSendingApart)
      await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  async #sendWaiting(): Promise<void> {
    this.#isSending = true;
    // Callers of the same tick travel together, even when nothing is on the wire.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const [group, rest] = this.#nextGroup(this.#waiting);
      this.#waiting = rest;
      await this.#send(group);
    }
    this.#isSending = false;
    this.#recordIdle();
  }

  async #sendApart(): Promise<void> {
    this.#isSendingApart = true;
    while (this.#apart.length > 0) {
      const [group, rest] = this.#nextGroup(this.#apart);
      this.#apart = rest;
      for (const part of await this.#byLockedRows(group)) await this.#send(part);
      if (this.#apart.length > 0) await sleep(Math.random() * RETRY_PAUSE_MS);
    }
    this.#isSendingApart = false;
    this.#recordIdle();
  }

  #recordIdle(): void {
    if (this.#isSending || this.#isSendingApart) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /**
   * Returns the members to be sent next and those that still wait. Two members with one key need a
   * row each, so the second one goes out with a later group.
   */
  #nextGroup(
    queue: readonly PendingMember<Member, Row>[],
  ): [PendingMember<Member, Row>[], PendingMember<Member, Row>[]] {
    const { maxMembers = 128, memberKey, memberChars = () => 0 } = this.#options;
    let chars = 0;
    const group = new Map<string, PendingMember<Member, Row>>();
    const rest: PendingMember<Member, Row>[] = [];
    for (const pending of queue) {
      const key = memberKey(pending.member);
      chars += memberChars(pending.member);
      const hasRoom = group.size < maxMembers && (group.size === 0 || chars <= MAX_CHARS);
      if (hasRoom && !group.has(key)) group.set(key, pending);
      else rest.push(pending);
    }
    return [[...group.values()], rest];
  }

  async #send(members: readonly PendingMember<Member, Row>[]): Promise<void> {
    for (let conflicts = 0; ;) {
      // Some members may have given up since the last try.
      const group = members.filter((pending) => !pending.isOver);
      if (group.length === 0) return;
      try {
        const rows = await this.#query<Row>(this.#options.text, group);
        this.#unreachable = undefined;
        this.#answer(group, rows);
        return;
      } catch (error) {
        const failure = classifyDatabaseError(error);
        this.#unreachable =
          failure === "connection"
            ? { since: this.#unreachable?.since ?? performance.now(), error }
            : undefined;
        for (const pending of group) pending.lastError = error;
        if (failure === "connection" || (failure === "conflict" && ++conflicts < MAX_CONFLICTS)) {
          await sleep(Math.random() * RETRY_PAUSE_MS);
        } else if (failure === "data") {
          const half = Math.ceil(group.length / 2);
          if (group.length === 1) group[0]?.reject(error);
          else for (const part of [group.slice(0, half), group.slice(half)]) await this.#send(part);
          return;
        } else {
          this.#apart.push(...group);
          if (!this.#isSendingApart) void this.#sendApart();
          return;
        }
      }
    }
  }

  /**
   * Sorts members into parts that lock different rows. If the database does not answer, each member
   * is a part of its own.
   */
  async #byLockedRows(
    group: readonly PendingMember<Member, Row>[],
  ): Promise<Iterable<PendingMember<Member, Row>[]>> {
    const { lockedRowsText, memberKey } = this.#options;
    const alive = group.filter((pending) => !pending.isOver);
    const rows = new Map<string, string>();
    if (lockedRowsText !== undefined && alive.length > 1) {
      type Locked = { readonly member: string; readonly rows: string };
      const said = await this.#query<Locked>(lockedRowsText, alive).catch(() => []);
      for (const row of said) rows.set(row.member, row.rows);
    }
    const keyOf = (pending: PendingMember<Member, Row>): string => memberKey(pending.member);
    return Map.groupBy(alive, (pending) => rows.get(keyOf(pending)) ?? keyOf(pending)).values();
  }

  async #query<Answer>(
    text: string,
    group: readonly PendingMember<Member, Row>[],
  ): Promise<Answer[]> {
    const { name: itsName, text: itsText, pool } = this.#options;
    const name = text === itsText ? itsName : `${itsName}_rows`;
    const members = JSON.stringify(group.map((pending) => pending.member));
    const result = await pool.query(preparedStatement(name, text, [members]));
    return result.rows as Answer[];
  }

  #answer(group: readonly PendingMember<Member, Row>[], rows: readonly Row[]): void {
    const byKey = new Map(rows.map((row) => [this.#options.rowKey(row), row]));
    for (const pending of group) {
      const row = byKey.get(this.#options.memberKey(pending.member));
      if (row === undefined)
        pending.reject(new Error(`${this.#options.name}: the statement left a member out`));
      else pending.resolve(row);
    }
  }
}
