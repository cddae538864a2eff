/**
 * Makes the query that tells a group statement which rows each of its members would lock: the
 * periods of the job's budgets, or the job itself when it has no budget. So a locked row holds up
 * only the members that need it. `member` is an SQL expression for the key of a member, which is
 * the JSON value `m`.
 */
export function jobBudgets(member: string): string {
  return `select ${member} as member, coalesce(nullif(j.period_ids, '{}')::text, j.id) as rows
          from jsonb_array_elements($1::jsonb) as m join jobs j on j.id = m ->> 'job'`;
}
