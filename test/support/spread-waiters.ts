import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Spreads the files that wait for deaths and leases over the run, and begins with two of them. The
 * others use the machine meanwhile. All at once would have more processes than it can bear, and the
 * last of them would leave it idle.
 */
export class SpreadWaiters extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await Reflect.apply(super.sort, this, [files]);
    const waiters = sorted.filter(isWaiter);
    const others = sorted.filter((file) => !isWaiter(file));
    const spread = waiters.splice(0, 2);
    // The largest files come first and take longest, so that distances in files must grow.
    let from = 0;
    for (const [index, waiter] of waiters.entries()) {
      const to = Math.round(others.length * ((index + 1) / (waiters.length + 1)) ** 2);
      spread.push(...others.slice(from, to), waiter);
      from = to;
    }
    return [...spread, ...others.slice(from)];
  }
}

function isWaiter({ moduleId }: TestSpecification): boolean {
  return moduleId.includes("/failpoints/");
}
