import { z } from "zod";

/**
 * A list of such items, looked at up to the first one that is wrong: only that one is told, and to
 * note each of the millions that a body can hold takes many seconds and gigabytes of memory.
 */
export function listOf<Item>(item: z.ZodType<Item>) {
  const unread = z.unknown() as z.ZodType as z.ZodType<Item>;
  return z.array(unread).superRefine((items, context) => {
    for (const [index, each] of items.entries()) {
      const { error } = item.safeParse(each);
      const [issue] = error?.issues ?? [];
      if (issue === undefined) continue;
      context.addIssue({ ...issue, path: [index, ...issue.path] });
      return;
    }
  });
}
