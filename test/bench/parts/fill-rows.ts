import { Client } from "pg";
import { BUSY_PROVIDER, PARKED_PROVIDER } from "../systems/bench-config.ts";

/**
 * Statements that copy rows which the broker wrote for its first request, so that the copies are
 * like real rows whatever the columns are.
 */
const FILLS: Readonly<Record<string, string>> = {
  keys: `
    insert into keys select r.*
    from (select * from keys order by created_at limit 1) as one, generate_series(1, $1::integer) as n,
      jsonb_populate_record(null::keys, to_jsonb(one) || jsonb_build_object(
        'id', 'bench-key-' || n, 'hash', '\\x' || encode(sha256(n::text::bytea), 'hex'))) as r`,
  budgets: `
    insert into budgets overriding system value select r.*
    from (select * from budgets order by id limit 1) as one, generate_series(1, $1::integer) as n,
      jsonb_populate_record(null::budgets, to_jsonb(one) || jsonb_build_object(
        'key_id', 'bench-key-' || n,
        'id', nextval(pg_get_serial_sequence('budgets', 'id')))) as r`,
  finished: `
    insert into jobs select r.*
    from (select * from jobs where state = 'done' limit 1) as one,
      generate_series(1, $1::integer) as n,
      jsonb_populate_record(null::jobs, to_jsonb(one) || jsonb_build_object(
        'id', uuidv7(interval '-1 day')::text, 'key_id', 'bench-key-' || n)) as r`,
  ledger: `
    insert into ledger overriding system value select r.*
    from (select * from ledger order by id limit 1) as one,
      (select id, key_id from jobs where state = 'done' and key_id like 'bench-key-%'
        limit $1::integer) as job,
      jsonb_populate_record(null::ledger, to_jsonb(one) || jsonb_build_object(
        'job_id', job.id, 'key_id', job.key_id,
        'id', nextval(pg_get_serial_sequence('ledger', 'id')))) as r`,
  waiting: `
    insert into jobs select r.*
    from (select * from jobs where state = 'done' limit 1) as one,
      generate_series(1, $1::integer) as n,
      jsonb_populate_record(null::jobs, to_jsonb(one) || jsonb_build_object(
        'id', uuidv7(interval '-1 hour')::text, 'key_id', 'bench-key-' || n,
        'state', 'waiting', 'ended_at', null, 'fence', 0, 'tries', 0, 'cost_nanos', 0,
        'period_ids', '{}'::bigint[], 'overflow_at', null,
        'deadline_at', now() + interval '1 day', 'wake_at', now() + interval '1 day',
        'provider', '${PARKED_PROVIDER}', 'plan',
        replace(one.plan::text, '"${BUSY_PROVIDER}"', '"${PARKED_PROVIDER}"')::jsonb)) as r`,
};

/** Adds `rows` keys with budgets, finished jobs and waiting jobs each to a broker's database. */
export async function fillRows(
  databaseUrl: string,
  rows: number,
  progress: (line: string) => void,
): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const [name, text] of Object.entries(FILLS)) {
      const { rowCount } = await client.query(text, [rows]);
      if (rowCount !== rows) throw new Error(`${name}: ${rowCount} rows instead of ${rows}`);
      progress(`${rows} rows: ${name}`);
    }
    await client.query("select open_budget_periods()");
    await client.query("vacuum (analyze)");
    await client.query("checkpoint");
  } finally {
    await client.end();
  }
}
