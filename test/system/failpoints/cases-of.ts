/**
 * Names the point that follows next, with nothing in between that another process could see. A
 * process that dies there leaves behind the same as one that dies here.
 */
export interface SameAs<Point> {
  readonly sameAs: Point;
}

type Entry<Point, Case> = Case | readonly Case[] | SameAs<Point>;

/**
 * Returns the cases of a table that are played. A point that is the same as another is played
 * there, which must prove that it has passed this point: `order` lists the points that a harmed
 * process must have passed.
 */
export function casesOf<Point extends string, Own extends Point, Case extends object>(
  points: readonly Own[],
  table: Readonly<Partial<Record<Own, Entry<Point, Case>>>>,
  order: Readonly<Partial<Record<Point, readonly Point[]>>>,
): { readonly point: Own; readonly expected: Case }[] {
  return points.flatMap((point) => {
    const entry: Entry<Point, Case> | undefined = table[point];
    if (entry === undefined) return [];
    if (!isSame<Point>(entry))
      return [entry].flat().map((expected) => ({ point, expected: expected as Case }));
    if (order[entry.sameAs]?.includes(point) !== true)
      throw new Error(`"${entry.sameAs}" does not prove that "${point}" was passed`);
    return [];
  });
}

function isSame<Point>(entry: object): entry is SameAs<Point> {
  return "sameAs" in entry;
}
