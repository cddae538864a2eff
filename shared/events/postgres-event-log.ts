import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { classifyDatabaseError } from "../db/classify-database-error.ts";
import type { AttemptLog, EventLog } from "./event-log.ts";
import { LocalFollowers } from "./local-followers.ts";
import { LogWriter, type LogPart } from "./log-writer.ts";
import { oncePerTick } from "./once-per-tick.ts";
import { preparedStatement } from "../db/statement.ts";

const PAGE_EVENTS = 500;
const PAGE_BYTES = 1024 * 1024;
const MAX_TRIES = 3;
const RETRY_MS = 50;
const DRAIN_MS = 3_000;

/**
 * The commit does not wait for the disk: a crash that loses the events loses the attempt too. The
 * same events may come again when an answer was lost. Events of deleted jobs are not kept.
 */
const APPEND = `
with fast as materialized (select set_config('synchronous_commit', 'off', true) as is),
deleted as materialized (
  select id from jobs where id = any ($1::text[]) and deleted_at is not null)
insert into job_events (job_id, fence, number, event)
select part.* from fast,
  unnest($1::text[], $2::integer[], $3::integer[], $4::bytea[]) as part (job, fence, number, event)
where fast.is = 'off' and part.job not in (select id from deleted)
on conflict do nothing`;

/** A page ends with the event that reaches `PAGE_BYTES`. */
const READ = `
select event from (
  select number, event,
    coalesce(sum(octet_length(event)) over before, 0) as bytes_before,
    row_number() over (order by number) as place
  from (
    select number, event from job_events
    where job_id = $1 and fence = $2 and number >= $3
    order by number limit ${PAGE_EVENTS}) as page
  window before as (order by number rows between unbounded preceding and 1 preceding)) as sized
where bytes_before < ${PAGE_BYTES} and number = $3 + place - 1
order by number`;

/** Event logs of an all-in-one process. The events are rows, and wake-ups stay in memory. */
export class PostgresEventLog implements EventLog {
  readonly #pool: Pick<Pool, "query">;
  readonly #onError: (error: unknown) => void;
  readonly #followers = new LocalFollowers();
  readonly #writer = new LogWriter((parts) => this.#write(parts));
  readonly announce = oncePerTick<string>((jobs) => {
    for (const job of jobs) this.#followers.tell(job);
  });

  constructor(pool: Pick<Pool, "query">, onError: (error: unknown) => void) {
    this.#pool = pool;
    this.#onError = onError;
  }

  attempt(job: string, fence: number): AttemptLog {
    return this.#writer.open(job, fence);
  }

  async read(job: string, fence: number, from: number): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ event: Buffer }>(
      preparedStatement("read_events", READ, [job, fence, from]),
    );
    return rows.map(({ event }) => event.toString());
  }

  follow(job: string, onChange: () => void): Promise<() => void> {
    return Promise.resolve(this.#followers.add(job, onChange));
  }

  /** There is nothing to do: the statement that deletes a job deletes its events. */
  forget(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#writer.drain(DRAIN_MS);
    this.#followers.clear();
  }

  async #write(parts: readonly LogPart[]): Promise<ReadonlySet<LogPart>> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#insert(parts);
        for (const { job } of parts) this.announce(job);
        return new Set();
      } catch (error) {
        if (tries === MAX_TRIES || classifyDatabaseError(error) === "data") {
          this.#onError(error);
          return new Set(parts);
        }
        await sleep(RETRY_MS);
      }
    }
  }

  async #insert(parts: readonly LogPart[]): Promise<void> {
    const rows = parts.flatMap(({ job, fence, first, events }) =>
      events.map((event, at) => ({ job, fence, number: first + at, event: Buffer.from(event) })),
    );
    await this.#pool.query(
      preparedStatement("append_events", APPEND, [
        rows.map(({ job }) => job),
        rows.map(({ fence }) => fence),
        rows.map(({ number }) => number),
        rows.map(({ event }) => event),
      ]),
    );
  }
}
