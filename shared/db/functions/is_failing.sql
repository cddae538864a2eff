-- Tells whether a provider has only failed lately: its last five calls failed, and they are of at
-- least two jobs. Only the last 300 calls of the whole fleet are looked at. A failure that was the
-- request's own fault does not count, and neither do the calls of the line that asks.
create or replace function is_failing(
  of_provider text, but_batch text default null, but_line integer default null
)
returns boolean language sql stable as $$
  select count(*) = 5 and bool_and(status = 'failed') and count(distinct job_id) > 1
  from (
    select l.job_id, l.status
    from (
      select id, job_id, provider, status, error_code from ledger order by id desc limit 300) as l
    left join jobs j on j.id = l.job_id and j.batch_id = but_batch and j.batch_line = but_line
    where l.provider = of_provider and l.status in ('ok', 'failed') and j.id is null
      and (l.error_code is null or passes_with_time(l.error_code))
    order by l.id desc limit 5) as last
$$;
