import fc from "fast-check";
import { expect, test } from "vitest";
import type { ReplyMessage } from "../../../../shared/contracts/reply.ts";
import type { AttemptReply, ReplyInbox } from "../../../../shared/replies/reply-path.ts";
import { breathe, chunk, end, answerHeaders, LossyWire, started } from "./lossy-wire.ts";

const CREDIT_BYTES = 256 * 1024;
/** In this time every loss is noticed: the workers send a probe every two seconds. */
const QUIET_ROUNDS = 30;
const ROUND_MS = 700;

type Step =
  | { readonly do: "say"; readonly who: number; readonly count: number }
  | { readonly do: "read"; readonly count: number }
  | { readonly do: "deliver"; readonly to: number; readonly count: number; readonly again: boolean }
  | { readonly do: "lose"; readonly to: number; readonly count: number }
  | { readonly do: "pass"; readonly ms: number };

const count = fc.integer({ min: 1, max: 8 });
const who = fc.integer({ min: 0, max: 2 });
const steps = fc.array(
  fc.oneof<fc.WeightedArbitrary<Step>[]>(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("say"), who, count }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("read"), count }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("deliver"), to: who, count, again: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("lose"), to: who, count }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.constantFrom(10, 600, 2_100, 5_000) }),
    },
  ),
  { maxLength: 100, size: "max" },
);
const sizes = fc.array(fc.constantFrom(1, 40_000, 70_000, 150_000, 300_000), {
  maxLength: 16,
  size: "max",
});

/**
 * One attempt that sends the messages of its script one by one, each after the answer to the last.
 */
class Speaker {
  /** Bytes of chunks given to the sender. */
  saidBytes = 0;
  readonly answers: boolean[] = [];
  readonly script: readonly ReplyMessage[];
  readonly #reply: AttemptReply;
  #said = 0;
  #isWaiting = false;

  constructor(reply: AttemptReply, name: string, chunkSizes: readonly number[]) {
    this.#reply = reply;
    this.script = [
      started,
      { type: "head", ...answerHeaders },
      ...chunkSizes.map((size, index) => chunk(`${name}${index}`.padEnd(size, "x"))),
      { type: "result", contentType: "text/event-stream", tail: name },
      end,
    ];
  }

  get isDone(): boolean {
    return this.answers.length === this.script.length;
  }

  say(times: number): void {
    for (let time = 0; time < times && !this.#isWaiting; time++) {
      const message = this.script[this.#said++];
      if (message === undefined) return;
      if (message.type === "chunk") this.saidBytes += message.text.length;
      this.#isWaiting = true;
      void this.#say(message);
    }
  }

  async #say(message: ReplyMessage): Promise<void> {
    this.answers.push(await this.#reply.send(message));
    this.#isWaiting = false;
    if (this.isDone) this.#reply.close();
  }
}

/** A caller who takes messages only when the test says so. */
class Reader {
  readonly seen: ReplyMessage[] = [];
  readonly #inbox: ReplyInbox;
  #wanted = 0;
  #reading = false;

  constructor(inbox: ReplyInbox) {
    this.#inbox = inbox;
  }

  bytesOf(name: string): number {
    return this.seen.reduce(
      (bytes, message) =>
        message.type === "chunk" && message.text.startsWith(name)
          ? bytes + message.text.length
          : bytes,
      0,
    );
  }

  read(times: number): void {
    this.#wanted = times;
    if (!this.#reading) void this.#read();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    while (this.#wanted-- > 0) {
      const message = await this.#inbox.next();
      if (message === null) break;
      this.seen.push(message);
    }
    this.#reading = false;
  }
}

async function run(
  wire: LossyWire,
  plan: readonly Step[],
  speakers: readonly Speaker[],
  reader: Reader,
  check: () => void,
): Promise<void> {
  for (const step of plan) {
    if (step.do === "say") speakers[step.who % speakers.length]?.say(step.count);
    else if (step.do === "read") reader.read(step.count);
    else if (step.do === "pass") wire.pass(step.ms);
    else {
      const to = wire.addresses[step.to % wire.addresses.length] ?? "api";
      if (step.do === "lose") wire.lose(to, step.count);
      else wire.deliver(to, step.count, step.again);
    }
    await breathe();
    check();
  }
}

/** Nothing is lost from here on. */
async function runToTheEnd(
  wire: LossyWire,
  speakers: readonly Speaker[],
  reader: Reader,
  check: () => void,
): Promise<void> {
  for (let round = 0; round < QUIET_ROUNDS; round++) {
    for (const speaker of speakers) speaker.say(1);
    reader.read(100);
    await wire.deliverAll();
    check();
    wire.pass(ROUND_MS);
  }
}

/** No worker has an unacknowledged message left to ask about. */
function expectSilence(wire: LossyWire): void {
  const before = wire.posted.length;
  for (let second = 0; second < 10; second++) wire.pass(1_000);
  expect(wire.posted.slice(before)).toEqual([]);
}

test("whatever is lost, doubled or late, a caller reads every message once and in order, within the credit", async () => {
  await fc.assert(
    fc.asyncProperty(sizes, steps, async (chunks, plan) => {
      const wire = new LossyWire();
      const reader = new Reader(wire.receiver.open("job"));
      const speaker = new Speaker(wire.sender().attempt("api", "job", 1), "a", chunks);
      const check = (): void => {
        const open = speaker.saidBytes - reader.bytesOf("a");
        expect(open).toBeLessThanOrEqual(CREDIT_BYTES + Math.max(0, ...chunks));
        expect(reader.seen).toEqual(speaker.script.slice(0, reader.seen.length));
      };
      await run(wire, plan, [speaker], reader, check);
      await runToTheEnd(wire, [speaker], reader, check);
      expect(reader.seen).toEqual(speaker.script);
      expect(speaker.answers).toEqual(speaker.script.map(() => true));
      expectSilence(wire);
    }),
    { numRuns: 60 },
  );
});

test("a newer attempt takes over at a point and for good, with a credit of its own", async () => {
  await fc.assert(
    fc.asyncProperty(sizes, sizes, steps, async (first, second, plan) => {
      const wire = new LossyWire(["worker_1", "worker_2"]);
      const reader = new Reader(wire.receiver.open("job"));
      const speakers = [
        new Speaker(wire.sender("worker_1").attempt("api", "job", 1), "a", first),
        new Speaker(wire.sender("worker_2").attempt("api", "job", 2), "b", second),
      ] as const;
      const [old, young] = speakers;
      const check = (): void => {
        const open = young.saidBytes - reader.bytesOf("b");
        expect(open).toBeLessThanOrEqual(CREDIT_BYTES + Math.max(0, ...second));
      };
      await run(wire, plan, speakers, reader, check);
      await runToTheEnd(wire, speakers, reader, check);
      const [oldSeen, youngSeen] = split(reader.seen, young.script.length);
      expect(oldSeen).toEqual(old.script.slice(0, oldSeen.length));
      expect(youngSeen).toEqual(young.script);
      expect(speakers.every(({ isDone }) => isDone)).toBe(true);
      expectSilence(wire);
    }),
    { numRuns: 60 },
  );
});

test("once the caller has gone, every attempt hears it and keeps nothing", async () => {
  await fc.assert(
    fc.asyncProperty(sizes, steps, steps, async (chunks, before, after) => {
      const wire = new LossyWire();
      const inbox = wire.receiver.open("job");
      const reader = new Reader(inbox);
      const speaker = new Speaker(wire.sender().attempt("api", "job", 1), "a", chunks);
      await run(wire, before, [speaker], reader, anything);
      const saidBefore = speaker.answers.length;
      inbox.close();
      await run(wire, after, [speaker], reader, anything);
      await runToTheEnd(wire, [speaker], reader, anything);
      expect(speaker.isDone).toBe(true);
      // After the first "gone", every later message fails as well.
      const late = speaker.answers.slice(saidBefore);
      expect(late.toSorted((a, b) => Number(b) - Number(a))).toEqual(late);
      expectSilence(wire);
    }),
    { numRuns: 60 },
  );
});

const anything = (): void => undefined;

function split(seen: readonly ReplyMessage[], last: number): [ReplyMessage[], ReplyMessage[]] {
  return [seen.slice(0, -last), seen.slice(-last)];
}
