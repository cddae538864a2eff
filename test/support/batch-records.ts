/** Each query returns the rows of a database at rest that break a rule for batches or files. */
export const BATCH_RULES: Readonly<Record<string, string>> = {
  "a line that says otherwise than its job": `
    select l.batch_id || ' ' || l.line || ' ' || l.state || ', job ' || coalesce(j.state, 'none') as what
    from batch_lines l left join jobs j on j.id = l.job_id
    where (l.state in ('done', 'failed') and j.state is distinct from l.state
        and not (l.state = 'failed' and j.state = 'done' and j.deleted_at is not null))
      or (l.state in ('cancelled', 'expired') and j.state <> l.state)
      or (l.state in ('pending', 'refused') and j.id is not null)
      or (l.state = 'open' and coalesce(j.state not in ('waiting', 'running'), true))`,
  "an ended batch with a line that has not ended": `
    select b.id || ' ' || l.line as what from batches b join batch_lines l on l.batch_id = b.id
    where b.ended_at is not null and b.total is not null and l.state in ('pending', 'open')`,
  "a batch whose lines are not all there": `
    select b.id || ': ' || count(l.line) || ' of ' || b.total as what
    from batches b left join batch_lines l on l.batch_id = b.id
    where b.total is not null and coalesce(b.ended_at > now() - interval '50 min', true)
    group by b.id having count(l.line) <> b.total or max(l.line) <> b.total`,
  "an ended batch that is not written": `
    select id as what from batches
    where state in ('completed', 'expired', 'cancelled') and written_line < total`,
  "an ended batch whose sums are not those of its lines": `
    select id as what from batches
    where ended_at > now() - interval '50 min' and sums <> sum_batch(id)`,
  "a batch's file that is not there, or not finished": `
    select b.id || ' ' || f.id as what from batches b
    cross join lateral (values (b.output_file_id), (b.error_file_id)) as w(file)
    left join files f on f.id = w.file
    where w.file is not null and coalesce(
      f.state <> case when b.ended_at is null then 'writing' else 'processed' end, true)`,
  "a file whose bytes are not those of its chunks": `
    select f.id || ': ' || f.bytes || ', chunks ' || coalesce(sum(octet_length(c.bytes)), 0) as what
    from files f left join file_chunks c on c.file_id = f.id
    where f.deleted_at is null
    group by f.id having f.bytes <> coalesce(sum(octet_length(c.bytes)), 0)`,
  "chunks of no file": `
    select distinct file_id as what from file_chunks c
    where not exists (select from files f where f.id = c.file_id)`,
  "a batch's cost that is not the ledger's": `
    select b.id as what from batches b
    where coalesce(b.ended_at > now() - interval '50 min', true) and (
      select coalesce(sum(l.cost_nanos), 0) from batch_lines l where l.batch_id = b.id
    ) <> (
      select coalesce(sum(g.cost_nanos), 0) from jobs j join ledger g on g.job_id = j.id
      where j.batch_id = b.id and j.state not in ('waiting', 'running'))`,
  "a batch's cap that disagrees with the ledger": `
    select b.id as what from batches b join budget_periods p on p.id = b.cap_period_id
    where p.settled_nanos <> (
      select coalesce(sum(g.cost_nanos), 0) from jobs j join ledger g on g.job_id = j.id
      where j.batch_id = b.id)`,
  "a batch's end that was not told once": `
    select b.id || ' ' || count(v.id) as what
    from batches b left join webhook_events v
      on v.object_id = b.id and v.type = 'batch.' || b.state
    where b.ended_at is not null
      and exists (select from webhook_endpoints w
        where w.key_id = b.key_id and 'batch.' || b.state = any (w.event_types)
          and w.updated_at < b.ended_at and coalesce(w.disabled_at > b.ended_at, true))
    group by b.id having count(v.id) <> 1`,
};
