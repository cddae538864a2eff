-- Marks jobs whose connection is lost. A dead process cannot say who hung up, so all of its
-- connections are lost (`of_job` is null). A living process marks only jobs to which an SDK may
-- come again.
create or replace function record_lost_jobs(of_job text, of_waiter text) returns void language sql as $$
  update jobs set lost_at = now()
  where id in (
    select id from jobs
    where waiter = of_waiter and lost_at is null and id = coalesce(of_job, id)
      and case when request_hash is null then of_job is null and state in ('waiting', 'running')
        else coalesce(ended_at > now() - interval '1 min', true) end
    order by id for update)
$$;
