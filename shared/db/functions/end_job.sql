-- Ends a job that has no open attempt and releases `hold`, the rest of its hold.
create or replace function end_job(job jobs, hold bigint, new_state text, code text, charge bigint,
  tried integer) returns void language sql as $$
  update budget_periods set held_nanos = held_nanos - hold
  where id = any (job.period_ids) and hold > 0;
  update jobs set state = new_state, error_code = code, ended_at = now(), hold_nanos = 0,
    retrying = false, cost_nanos = cost_nanos + charge, tries = tries + tried
  where id = job.id;
$$;
