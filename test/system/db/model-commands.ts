import fc from "fast-check";

/** Amounts are multiples of 100, so that sums meet their limits exactly. */
const nanos = (max: number) => fc.nat({ max: max / 100 }).map((hundreds) => BigInt(hundreds * 100));
const pick = fc.nat({ max: 1_000 });
/** Each value is one random event in the broker's tables. */
export const command = fc.oneof(
  {
    weight: 70,
    arbitrary: fc.record({
      kind: fc.constant("accept"),
      key: fc.nat({ max: 2 }),
      holds: fc.tuple(nanos(400), nanos(400), nanos(800)),
      twice: fc.boolean(),
    }),
  },
  {
    weight: 80,
    arbitrary: fc.record({
      kind: fc.constant("claim"),
      pick,
      stale: fc.boolean(),
      doubled: fc.boolean(),
    }),
  },
  {
    weight: 15,
    arbitrary: fc.record({
      kind: fc.constant("settle"),
      pick,
      cost: nanos(900),
      ok: fc.boolean(),
      twice: fc.boolean(),
    }),
  },
  {
    weight: 45,
    arbitrary: fc.record({
      kind: fc.constant("move"),
      pick,
      target: fc.nat({ max: 2 }),
      cost: nanos(900),
      sent: fc.boolean(),
      twice: fc.boolean(),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("moveWaiting"),
      pick,
      target: fc.nat({ max: 2 }),
      twice: fc.boolean(),
    }),
  },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("cancel"), pick, stale: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("staleSettle"), pick }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("expire"), pick }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("crashWorker") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crashOwner") }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("reset"), key: fc.integer({ min: 1, max: 2 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("raise"),
      key: fc.integer({ min: 1, max: 2 }),
      by: nanos(500),
    }),
  },
);
export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;
