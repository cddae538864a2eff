import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Begins with the files that wait for deaths and leases: the others use the machine meanwhile, and
 * no such wait is left when they have ended.
 */
export class WaitersFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await Reflect.apply(super.sort, this, [files]);
    return [...sorted.filter(isWaiter), ...sorted.filter((file) => !isWaiter(file))];
  }
}

function isWaiter({ moduleId }: TestSpecification): boolean {
  return moduleId.includes("/failpoints/");
}
