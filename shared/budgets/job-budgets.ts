/**
 * The query that tells a group statement whose members name jobs which rows each would wait for:
 * the periods of the job's budgets, or the job itself when it has none. `member` is the SQL
 * expression of a member's key, from its JSON `m`. With it, a locked row
 * holds up its own members only.
 */
export function jobBudgets(member: string): string {
  return `select ${member} as member, coalesce(nullif(j.period_ids, '{}')::text, j.id) as rows
          from jsonb_array_elements($1::jsonb) as m join jobs j on j.id = m ->> 'job'`;
}
