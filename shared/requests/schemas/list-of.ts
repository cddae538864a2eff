import { z } from "zod";

/**
 * Makes the schema of a list that is checked only up to its first wrong item. Only that item is
 * reported. To collect an issue for each of the millions of items that a body can hold takes many
 * seconds and gigabytes of memory.
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
