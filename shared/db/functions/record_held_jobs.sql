-- Takes back what record_lost_jobs did to the jobs of a process that was taken for dead by mistake: the
-- process still holds its connections.
create or replace function record_held_jobs(of_waiter text) returns void language sql as $$
  update jobs set lost_at = null
  where id in (
    select id from jobs
    where waiter = of_waiter and lost_at is not null and request_hash is null
      and state in ('waiting', 'running')
    order by id for update)
$$;
