-- Closes attempts that their worker does not run as `unknown`, at no cost, and puts their jobs back
-- to wait at a new place. The owner decides whether such a job may run again (no byte was
-- forwarded) or must fail. A job ends here when its attempts are used up, when only one call may go
-- out for it, or when somebody has read a part of the attempt's answer.
-- With `died`, the worker is gone with all that it ran, and any of those jobs may have killed it.
-- If some of them were running when a worker died before, only they are blamed and the others lose
-- no attempt. A job that was running when two workers died is a suspect (see claim_jobs). It loses
-- no attempt either, and after the third death it fails as `poison`.
-- Without `died`, a living worker has forgotten the attempts. This closes a page of those that are
-- at least `min_age_ms` old.
create or replace function close_lost_attempts(of_worker text, running text[], min_age_ms integer,
  page integer, died boolean)
returns table (
  job_id text, state text, owner text, provider text, place integer, error_code text
) language plpgsql as $$
#variable_conflict use_column
declare
  ids text[];
  a attempts;
  j jobs;
  has_suspects boolean;
  is_blamed boolean;
  tried integer;
begin
  ids := array(select a.job_id from attempts a
    where a.worker = of_worker and a.job_id <> all (running)
      and a.started_at <= clock_timestamp() - min_age_ms * interval '1 ms'
    -- All attempts of a dead worker are closed at once, or the suspects would be forgotten after a
    -- page.
    order by a.job_id limit case when died then null else page end);
  perform lock_jobs(ids);
  has_suspects := died and exists (
    select from attempts x join jobs s on s.id = x.job_id
    where x.worker = of_worker and x.job_id = any (ids) and s.crashes > 0);
  -- The age counts again: an attempt that began while the locks were waited for is too young.
  for a in delete from attempts x where x.worker = of_worker and x.job_id = any (ids)
    and x.started_at <= clock_timestamp() - min_age_ms * interval '1 ms' returning x.*
  loop
    select * into j from jobs where id = a.job_id;
    perform post_attempt(j, a, '{"status": "unknown", "error_code": "worker_lost"}');
    is_blamed := died and (j.crashes > 0 or not has_suspects);
    tried := (not has_suspects)::integer;
    error_code := case
      when is_blamed and j.crashes >= 2 then 'poison'
      when j.max_attempts = 1 or j.tries + tried >= j.max_attempts or a.fence = j.read_fence
        then 'answer_lost'
    end;
    update jobs set crashes = j.crashes + is_blamed::integer where id = j.id;
    if error_code is not null then
      state := 'failed';
      perform end_job(j, j.hold_nanos, state, error_code, 0, tried);
    else
      state := 'waiting';
      update jobs set state = 'waiting', place = j.place + 1, tries = j.tries + tried,
        wake_at = least(j.deadline_at, now() + interval '2 s'), checks = 0
      where id = j.id;
    end if;
    job_id := j.id; owner := j.owner; provider := j.provider; place := j.place + 1;
    return next;
  end loop;
end $$;
