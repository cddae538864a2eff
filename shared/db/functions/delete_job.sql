-- Deletes the stored request, result and events of a key's accepted job and asks the job to end.
-- Verdicts: deleted (with the worker that must stop, if the job runs) | gone.
create or replace function delete_job(of_key text, of_job text)
returns table (verdict text, worker text)
language plpgsql as $$
declare
  j jobs;
begin
  perform lock_jobs(array[of_job]);
  select * into j from jobs
  where id = of_job and key_id = of_key and not interactive and deleted_at is null;
  if j.id is null then
    return query select 'gone', null::text;
    return;
  end if;
  update jobs set deleted_at = now(), cancel_reason = coalesce(cancel_reason, 'deleted')
  where id = of_job;
  if j.state = 'waiting' then
    perform end_job(j, j.hold_nanos, 'cancelled', 'deleted', 0, 0);
  end if;
  delete from job_requests where job_id = of_job;
  delete from job_results where job_id = of_job;
  delete from job_events where job_id = of_job;
  delete from idempotency_keys where job_id = of_job;
  return query select 'deleted', (select a.worker from attempts a where a.job_id = of_job);
end $$;
