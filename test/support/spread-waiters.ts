import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Spreads the files that wait for deaths and leases over the run, and begins with two of them. The
 * others use the machine meanwhile, those that start processes first, because they take longest.
 * All waiting files at once would have more processes than the machine can bear, and the last of
 * them would leave it idle.
 */
export class SpreadWaiters extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await Reflect.apply(super.sort, this, [files]);
    const waiters = sorted.filter(isWaiter);
    const others = sorted
      .filter((file) => !isWaiter(file))
      .toSorted((one, other) => Number(startsProcesses(other)) - Number(startsProcesses(one)));
    const spread = waiters.splice(0, 2);
    // The first files take longest, so the distances in files must grow.
    let from = 0;
    for (const [index, waiter] of waiters.entries()) {
      const to = Math.round(others.length * ((index + 1) / (waiters.length + 1)) ** 3);
      spread.push(...others.slice(from, to), waiter);
      from = to;
    }
    return [...spread, ...others.slice(from)];
  }
}

function startsProcesses({ moduleId }: TestSpecification): boolean {
  return /\/(fleet|process)\//.test(moduleId);
}

function isWaiter({ moduleId }: TestSpecification): boolean {
  return moduleId.includes("/failpoints/");
}
