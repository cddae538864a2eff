import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LocalFairOrder } from "../../../../shared/queue/local-fair-order.ts";

/** This is BullMQ's highest priority number; BullMQ refuses a higher one. */
const HIGHEST = 2_097_151;
const BAND = 524_288;

/** Orders tenants by their turn: the lowest priority number first, equal ones by arrival. */
function served(ranks: readonly { tenant: string; priority: number }[]): string {
  return ranks
    .toSorted((a, b) => a.priority - b.priority)
    .map(({ tenant }) => tenant)
    .join("");
}

function add(order: LocalFairOrder, tenants: string, serviceClass = 1) {
  return Array.from(tenants, (tenant) => ({
    tenant,
    priority: order.rank("p", serviceClass, tenant),
  }));
}

describe("inside a class", () => {
  test("two tenants interleave, however many jobs one has sent before", () => {
    expect(served(add(new LocalFairOrder(), "aaaaabbb"))).toBe("abababaa");
  });

  test("one tenant's jobs keep their order", () => {
    const ranks = add(new LocalFairOrder(), "aaaa").map(({ priority }) => priority);
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(new Set(ranks).size).toBe(4);
  });

  test("a newcomer comes next, and not before all that has been served already", () => {
    const order = new LocalFairOrder();
    const waiting = add(order, "aaaaaa");
    for (const { priority } of waiting.splice(0, 3)) order.left("p", priority, true);
    expect(served([...waiting, ...add(order, "b")])).toBe("abaa");
  });

  test("nobody's old job starves behind his own or others' new ones", () => {
    const order = new LocalFairOrder();
    const [old, ...rest] = add(order, "ab");
    let waiting = rest;
    for (let turn = 0; turn < 50; turn++) {
      waiting = [...waiting, ...add(order, "bcd")].toSorted((a, b) => a.priority - b.priority);
      const next = waiting.shift();
      expect(next?.priority).toBeGreaterThanOrEqual(old?.priority ?? 0);
      order.left("p", next?.priority ?? 0, true);
    }
  });

  test("jobs that move away or end unstarted do not push time forward", () => {
    const order = new LocalFairOrder();
    const [first, , third] = add(order, "aaa");
    order.left("p", third?.priority ?? 0, false);
    expect(order.rank("p", 1, "b")).toBe(first?.priority);
  });

  test("a band that has emptied begins again", () => {
    const order = new LocalFairOrder();
    const ranks = add(order, "aaab");
    for (const { priority } of ranks) order.left("p", priority, true);
    expect(order.rank("p", 1, "a")).toBe(ranks[0]?.priority);
  });

  test("at the end of its band it keeps to arrival order, and to its class", () => {
    const order = new LocalFairOrder();
    const first = order.rank("p", 1, "a");
    for (let index = 0; index < BAND; index++) order.rank("p", 1, "a");
    const last = order.rank("p", 1, "a");
    expect(last).toBe(order.rank("p", 1, "a"));
    expect(last).toBeGreaterThan(first);
    expect(last).toBeLessThan(order.rank("p", 2, "a"));
  });
});

test("classes are strictly ordered, however long the better one is", () => {
  const order = new LocalFairOrder();
  const best = add(order, "a".repeat(1_000), 0);
  for (let serviceClass = 1; serviceClass < 4; serviceClass++) {
    const [worse] = add(order, "b", serviceClass);
    for (const { priority } of best) expect(priority).toBeLessThan(worse?.priority ?? 0);
  }
});

test("providers do not share an order", () => {
  const order = new LocalFairOrder();
  add(order, "aaaa");
  expect(order.rank("other", 1, "a")).toBe(new LocalFairOrder().rank("other", 1, "a"));
});

test("a priority is never 0, never beyond BullMQ's highest, always in its class's band", () => {
  const event = fc.record({
    serviceClass: fc.integer({ min: 0, max: 3 }),
    tenant: fc.constantFrom("a", "b", "c"),
    leaves: fc.boolean(),
    started: fc.boolean(),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const order = new LocalFairOrder();
      const waiting: number[] = [];
      for (const { serviceClass, tenant, leaves, started, pick } of events) {
        if (leaves && waiting.length > 0) {
          const [left = 0] = waiting.splice(pick % waiting.length, 1);
          order.left("p", left, started);
          continue;
        }
        const priority = order.rank("p", serviceClass, tenant);
        expect(priority).toBeGreaterThanOrEqual(1);
        expect(priority).toBeLessThanOrEqual(HIGHEST);
        expect(Math.floor(priority / BAND)).toBe(serviceClass);
        waiting.push(priority);
      }
    }),
  );
});
