import { describe, expect, test } from "vitest";
import { LogWriter, type LogPart } from "../../../../shared/events/log-writer.ts";

/** A store that completes a write only when the test calls `answer`. */
class SlowStore {
  readonly writes: (readonly LogPart[])[] = [];
  readonly #answers: ((lost: ReadonlySet<LogPart>) => void)[] = [];

  readonly write = (parts: readonly LogPart[]): Promise<ReadonlySet<LogPart>> => {
    this.writes.push(parts);
    return new Promise((resolve) => this.#answers.push(resolve));
  };

  /** Completes the oldest write, and reports the parts of these jobs as lost. */
  async answer(...lost: readonly string[]): Promise<void> {
    const parts = this.writes[this.writes.length - this.#answers.length] ?? [];
    this.#answers.shift()?.(new Set(parts.filter(({ job }) => lost.includes(job))));
    await tick();
  }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const MEGABYTE = "x".repeat(1024 * 1024);

async function isFlushed(flushed: Promise<void>): Promise<boolean> {
  return await Promise.race([flushed.then(() => true), tick().then(() => false)]);
}

describe("what is written together", () => {
  test("is all that was added while the last write was on the wire", async () => {
    const store = new SlowStore();
    const writer = new LogWriter(store.write);
    const [one, two] = [writer.open("one", 1), writer.open("two", 7)];
    one.append(["a"]);
    one.append(["b"]);
    await tick();
    one.append(["c", "d"]);
    two.append(["e"]);
    one.append(["f"]);
    await tick();
    expect(store.writes).toHaveLength(1);
    await store.answer();
    await store.answer();
    expect(store.writes).toEqual([
      [{ job: "one", fence: 1, first: 0, events: ["a", "b"] }],
      [
        { job: "one", fence: 1, first: 2, events: ["c", "d", "f"] },
        { job: "two", fence: 7, first: 0, events: ["e"] },
      ],
    ]);
  });

  test("leaves a turn to every log when one has much", async () => {
    const store = new SlowStore();
    const writer = new LogWriter(store.write);
    const [much, little] = [writer.open("much", 1), writer.open("little", 1)];
    much.append([MEGABYTE, MEGABYTE, MEGABYTE]);
    little.append(["a"]);
    await tick();
    for (let n = 0; n < 4; n++) await store.answer();
    const jobs = store.writes.map((parts) => parts.map(({ job }) => job).join());
    expect(jobs).toEqual(["much", "little,much", "much"]);
  });
});

describe("a flush", () => {
  test("waits for what was added before it, and for nothing that came after", async () => {
    const store = new SlowStore();
    const log = new LogWriter(store.write).open("job", 1);
    expect(await isFlushed(log.flush())).toBe(true);
    log.append(["a"]);
    await tick();
    log.append(["b"]);
    const flushed = log.flush();
    await store.answer();
    expect(await isFlushed(flushed)).toBe(false);
    log.append(["c"]);
    await store.answer();
    expect(await isFlushed(flushed)).toBe(true);
    expect(await isFlushed(log.flush())).toBe(false);
  });

  test("ends when what it waits for is lost", async () => {
    const store = new SlowStore();
    const log = new LogWriter(store.write).open("job", 1);
    log.append(["a"]);
    await tick();
    log.append(["b"]);
    const flushed = log.flush();
    await store.answer("job");
    expect(await isFlushed(flushed)).toBe(true);
    log.append(["c"]);
    expect(await isFlushed(log.flush())).toBe(true);
    expect(store.writes).toHaveLength(1);
  });
});

describe("a log", () => {
  test("that lost a part ends, and no other does", async () => {
    const store = new SlowStore();
    const writer = new LogWriter(store.write);
    const [lost, kept] = [writer.open("lost", 1), writer.open("kept", 1)];
    for (const log of [lost, kept]) log.append(["a"]);
    await tick();
    for (const log of [lost, kept]) log.append(["b"]);
    await store.answer("lost");
    lost.append(["c"]);
    await store.answer();
    kept.append(["c"]);
    await tick();
    await store.answer();
    expect(store.writes.slice(1).flat()).toEqual([
      { job: "kept", fence: 1, first: 1, events: ["b"] },
      { job: "kept", fence: 1, first: 2, events: ["c"] },
    ]);
  });

  test("with too much waiting ends with what it has, and its memory is free again", async () => {
    const store = new SlowStore();
    const writer = new LogWriter(store.write);
    const [slow, other] = [writer.open("slow", 1), writer.open("other", 1)];
    slow.append(Array.from({ length: 20 }, () => MEGABYTE));
    await tick();
    other.append(["a"]);
    for (let n = 0; n < 20; n++) await store.answer();
    slow.append(["after the end"]);
    await tick();
    const counts = new Map<string, number>();
    for (const { job, events } of store.writes.flat())
      counts.set(job, (counts.get(job) ?? 0) + events.length);
    expect(Object.fromEntries(counts)).toEqual({ slow: 8, other: 1 });
  });

  test("finds room again once others have been written or lost", async () => {
    const store = new SlowStore();
    const writer = new LogWriter(store.write);
    const many = Array.from({ length: 20 }, (_, n) => writer.open(`many ${n}`, 1));
    for (const log of many) for (let n = 0; n < 8; n++) log.append([MEGABYTE]);
    const late = writer.open("late", 1);
    late.append(["a"]);
    // It was dropped, because all logs together hold too much.
    expect(await isFlushed(late.flush())).toBe(true);
    await tick();
    const names = many.map((_, n) => `many ${n}`);
    for (let n = 0; n < 80; n++) await store.answer(...(n < 4 ? names : []));
    const next = writer.open("next", 1);
    for (let n = 0; n < 8; n++) next.append([MEGABYTE]);
    for (let n = 0; n < 9; n++) await store.answer();
    const written = store.writes.flat().filter(({ job }) => job === "next");
    expect(written).toHaveLength(8);
    expect(await isFlushed(writer.drain(1_000))).toBe(true);
  });
});
