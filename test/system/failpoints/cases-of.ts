/**
 * What follows next after a point, with nothing in between that anybody else could see: whoever dies
 * there leaves behind what it would have left here.
 */
export interface SameAs<Point> {
  readonly sameAs: Point;
}

type Entry<Point, Case> = Case | readonly Case[] | SameAs<Point>;

/**
 * The cases to play of a table. One that is the same as another is played there, which must prove
 * that it has passed this point: `order` says what a victim must have behind it.
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
