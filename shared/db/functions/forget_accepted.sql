-- Drops the stored requests, results and events of a page of jobs whose retention is over, and a
-- page of idempotency keys older than a day. Jobs of a live batch stay, because their results may
-- not be written to its files yet. Returns how many jobs and keys went.
create or replace function forget_accepted(retention_ms double precision, page integer)
returns integer language plpgsql as $$
declare
  old text[];
  keys_gone integer;
begin
  old := array(
    select id from jobs
    where not interactive and deleted_at is null
      and ended_at < now() - retention_ms * interval '1 ms'
      and not exists (select from batches b where b.id = jobs.batch_id and b.ended_at is null)
    order by ended_at limit page for update skip locked);
  update jobs set deleted_at = now() where id = any (old);
  delete from job_requests where job_id = any (old);
  delete from job_results where job_id = any (old);
  delete from job_events where job_id = any (old);
  with gone as (
    delete from idempotency_keys where (key_id, path, idem_key) in (
      select key_id, path, idem_key from idempotency_keys
      where created_at < now() - interval '24 h' order by created_at limit page
      for update skip locked)
    returning 1
  )
  select count(*) into keys_gone from gone;
  return cardinality(old) + keys_gone;
end $$;
