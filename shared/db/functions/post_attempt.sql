-- Posts one closed attempt to the ledger and the budgets. The caller holds the locks of lock_jobs
-- and changes the job row itself. Returns the charge.
create or replace function post_attempt(job jobs, a attempts, m jsonb) returns bigint
language plpgsql as $$
declare
  cost bigint := coalesce((m ->> 'cost')::bigint, 0);
  charge bigint := least(cost, job.hold_nanos);
begin
  insert into ledger (job_id, attempt, key_id, provider, location, endpoint, model,
    upstream_model, status, error_code, prompt_tokens, completion_tokens, estimated, cost_nanos,
    overrun_nanos, queue_ms, ttft_ms, total_ms)
  values (job.id, a.fence, job.key_id, a.provider, job.plan -> a.target::integer ->> 'location',
    job.endpoint, job.model, job.plan -> a.target::integer ->> 'model', m ->> 'status',
    m ->> 'error_code', coalesce((m ->> 'prompt_tokens')::integer, 0),
    coalesce((m ->> 'completion_tokens')::integer, 0),
    coalesce((m ->> 'estimated')::boolean, false), charge, cost - charge, a.queue_ms,
    (m ->> 'ttft_ms')::integer,
    coalesce((m ->> 'total_ms')::integer,
      greatest(0, extract(epoch from clock_timestamp() - a.started_at) * 1000)::integer));
  update budget_periods set settled_nanos = settled_nanos + charge, held_nanos = held_nanos - charge
  where id = any (job.period_ids) and charge > 0;
  return charge;
end $$;
