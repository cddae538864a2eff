import { within } from "../timing/within.ts";
import type { AttemptLog } from "./event-log.ts";

/** Events of one attempt that are written together. */
export interface LogPart {
  readonly job: string;
  readonly fence: number;
  /** The number of the first event. */
  readonly first: number;
  readonly events: readonly string[];
}

/** Always resolves, with the parts that were not kept. Their logs end there. */
type WriteParts = (parts: readonly LogPart[]) => Promise<ReadonlySet<LogPart>>;

/** The most that one write takes from all logs together. */
const BATCH_CHARS = 1024 * 1024;
const BATCH_EVENTS = 2_000;
/** Nothing more is taken once so many characters of one log, or of all logs, wait. */
const MAX_LOG_CHARS = 8 * 1024 * 1024;
const MAX_CHARS = 64 * 1024 * 1024;

/**
 * Writes the logs of a process's attempts. Events that are added during a write go into the next
 * one, and the logs take turns. A log ends when it has lost a part or too much of it waits.
 */
export class LogWriter {
  readonly #write: WriteParts;
  readonly #waiting = new Set<WaitingLog>();
  #chars = 0;
  #sending: Promise<void> | undefined;

  constructor(write: WriteParts) {
    this.#write = write;
  }

  /** Opens the log of a new attempt. */
  open(job: string, fence: number): AttemptLog {
    const log = new WaitingLog(job, fence);
    return {
      append: (events) => this.#append(log, events),
      flush: () => log.flush(),
    };
  }

  /** Waits at most `drainMs` until all waiting events are written. */
  async drain(drainMs: number): Promise<void> {
    await within(drainMs, this.#sending ?? Promise.resolve());
  }

  #append(log: WaitingLog, events: readonly string[]): void {
    for (const event of events) {
      if (log.chars >= MAX_LOG_CHARS || this.#chars >= MAX_CHARS) log.isOver = true;
      if (log.isOver) break;
      log.add(event);
      this.#chars += event.length;
      this.#waiting.add(log);
    }
    if (this.#waiting.size > 0) this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    await Promise.resolve(); // events of one tick go together
    while (this.#waiting.size > 0) {
      const parts = this.#takeBatch();
      const lost = await this.#write([...parts.keys()]);
      for (const [part, log] of parts) {
        if (lost.has(part)) this.#end(log);
        log.recordWritten(part);
      }
    }
    this.#sending = undefined;
  }

  /** A log that has lost a part ends, since the rest would leave a gap. */
  #end(log: WaitingLog): void {
    this.#waiting.delete(log);
    this.#chars -= log.chars;
    log.end();
  }

  #takeBatch(): Map<LogPart, WaitingLog> {
    const parts = new Map<LogPart, WaitingLog>();
    let room = { chars: BATCH_CHARS, events: BATCH_EVENTS };
    for (const log of Array.from(this.#waiting)) {
      const before = log.chars;
      const part = log.take(room);
      parts.set(part, log);
      // The rest of a log comes after the other logs.
      this.#waiting.delete(log);
      if (!log.isEmpty) this.#waiting.add(log);
      this.#chars -= before - log.chars;
      room = {
        chars: room.chars - (before - log.chars),
        events: room.events - part.events.length,
      };
      if (room.chars <= 0 || room.events <= 0) break;
    }
    return parts;
  }
}

class WaitingLog {
  /** The log takes no more events. */
  isOver = false;
  chars = 0;
  readonly #job: string;
  readonly #fence: number;
  #events: string[] = [];
  #added = 0;
  #written = 0;
  #flushes: { readonly upTo: number; readonly resolve: () => void }[] = [];

  constructor(job: string, fence: number) {
    this.#job = job;
    this.#fence = fence;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  add(event: string): void {
    this.#events.push(event);
    this.#added++;
    this.chars += event.length;
  }

  /** Takes the next part: as many events as there is room for, and at least one. */
  take(room: { readonly chars: number; readonly events: number }): LogPart {
    let [count, chars] = [0, 0];
    for (const event of this.#events) {
      const hasRoom = count < room.events && chars + event.length <= room.chars;
      if (count > 0 && !hasRoom) break;
      count++;
      chars += event.length;
    }
    const events = this.#events.splice(0, count);
    this.chars -= chars;
    return { job: this.#job, fence: this.#fence, first: this.#written, events };
  }

  end(): void {
    this.isOver = true;
    this.#added -= this.#events.length;
    this.#events = [];
    this.chars = 0;
  }

  /** Records a part that was written or lost. */
  recordWritten({ events }: LogPart): void {
    this.#written += events.length;
    const isDone = (upTo: number): boolean => this.isEmpty || upTo <= this.#written;
    for (const { upTo, resolve } of this.#flushes) if (isDone(upTo)) resolve();
    this.#flushes = this.#flushes.filter(({ upTo }) => !isDone(upTo));
  }

  flush(): Promise<void> {
    const upTo = this.#added;
    if (upTo === this.#written) return Promise.resolve();
    return new Promise((resolve) => this.#flushes.push({ upTo, resolve }));
  }
}
