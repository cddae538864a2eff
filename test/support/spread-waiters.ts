import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Spreads the files that wait for deaths and leases over the run, and begins with two of them: the
 * others use the machine meanwhile. All at once would have more processes than it can bear, and the
 * last of them would leave it idle.
 */
export class SpreadWaiters extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await Reflect.apply(super.sort, this, [files]);
    const waiters = sorted.filter(isWaiter);
    const others = sorted.filter((file) => !isWaiter(file));
    const spread = waiters.splice(0, 2);
    const each = Math.ceil(others.length / (waiters.length + 2));
    for (let at = 0; at < others.length; at += each)
      spread.push(...others.slice(at, at + each), ...waiters.splice(0, 1));
    return [...spread, ...waiters];
  }
}

function isWaiter({ moduleId }: TestSpecification): boolean {
  return moduleId.includes("/failpoints/");
}
