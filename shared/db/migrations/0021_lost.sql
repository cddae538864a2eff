-- Up Migration

-- 0012 anew.

-- Closes attempts that their worker does not run (a dead one runs none) as `unknown`, at no cost,
-- and puts their jobs back to wait at a new place; the owner decides whether such a job may run again
-- (no byte forwarded) or must fail; of an accepted job, whether a part of the answer has been read. One
-- that has used up its attempts ends here: it may be what kills workers.
create or replace function close_lost_attempts(of_worker text, running text[], min_age_ms integer, page integer)
returns table (job_id text, state text, owner text, provider text, place integer)
language plpgsql as $$
#variable_conflict use_column
declare
  ids text[];
  a attempts;
  j jobs;
begin
  ids := array(select a.job_id from attempts a
    where a.worker = of_worker and a.job_id <> all (running)
      and a.started_at <= clock_timestamp() - min_age_ms * interval '1 ms'
    order by a.job_id limit page);
  perform lock_jobs(ids);
  -- Read again: closed and claimed anew while the locks were waited for, it is too young.
  for a in delete from attempts x where x.worker = of_worker and x.job_id = any (ids)
    and x.started_at <= clock_timestamp() - min_age_ms * interval '1 ms' returning x.*
  loop
    select * into j from jobs where id = a.job_id;
    perform post_attempt(j, a, '{"status": "unknown", "error_code": "worker_lost"}');
    if j.tries + 1 >= j.max_attempts or a.fence = j.read_fence then
      state := 'failed';
      perform end_job(j, j.hold_nanos, state, 'answer_lost', 0, 1);
    else
      state := 'waiting';
      update jobs set state = 'waiting', place = j.place + 1, tries = j.tries + 1,
        wake_at = least(j.deadline_at, now() + interval '2 s'), checks = 0
      where id = j.id;
    end if;
    job_id := j.id; owner := j.owner; provider := j.provider; place := j.place + 1;
    return next;
  end loop;
end $$;

-- Down Migration
