import type { QueryConfig } from "pg";

/**
 * Makes a statement with a name. The name leads the text as a comment, so that PostgreSQL shows it
 * wherever it shows the text: in its log of slow statements, in `pg_stat_activity` and in
 * `pg_stat_statements`.
 */
export function statement(
  name: string,
  text: string,
  values: readonly unknown[] = [],
): QueryConfig {
  return { text: `/* ${name} */ ${text}`, values: [...values] };
}

/**
 * Makes a statement with a fixed text that runs for each request, attempt or page of lines: each
 * connection parses it once and keeps it under its name. Behind a pooler that shares connections by
 * transaction, the pooler must know prepared statements (PgBouncer does from 1.21 on). All other
 * statements stay unprepared, since a kept plan is made without the values.
 */
export function preparedStatement(
  name: string,
  text: string,
  values: readonly unknown[],
): QueryConfig {
  return { name, ...statement(name, text, values) };
}
