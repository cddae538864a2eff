-- Takes a page of waiting jobs that are due to be looked at, side by side with other sweepers. Past
-- the deadline they end. The others are returned for a check that their queue entries still exist,
-- and are due again after growing intervals, so that a backlog costs little.
create or replace function sweep_waiting(page integer)
returns table (job_id text, action text, owner text, provider text, place integer)
language plpgsql as $$
#variable_conflict use_column
declare
  due text[];
begin
  select array_agg(id) into due from (
    select id from jobs where state = 'waiting' and wake_at <= now()
    order by wake_at limit page for update skip locked
  ) as j;
  if due is null then
    return;
  end if;
  perform lock_jobs(due);
  return query
    select j.id, 'expired', j.owner, j.provider, j.place
    from jobs j, end_job(j, j.hold_nanos, 'expired', 'deadline', 0, 0)
    where j.id = any (due) and j.deadline_at <= now();
  return query
    update jobs j set checks = j.checks + 1,
      wake_at = least(j.deadline_at, now() + interval '5 s' * (2 ^ least(j.checks, 5)))
    where j.id = any (due) and j.state = 'waiting'
    returning j.id, 'check', j.owner, j.provider, j.place;
end $$;
