-- Ends waiting accepted jobs past their deadlines. API processes call it, in case there is no
-- worker.
create or replace function expire_accepted(page integer) returns setof text language plpgsql as $$
declare
  late text[];
begin
  late := array(
    select id from jobs
    where state = 'waiting' and wake_at <= now() and deadline_at <= now() and not interactive
    order by wake_at limit page for update skip locked);
  perform lock_jobs(late);
  return query
    select j.id from jobs j, end_job(j, j.hold_nanos, 'expired', 'deadline', 0, 0)
    where j.id = any (late) and j.state = 'waiting' and j.deadline_at <= now();
end $$;
