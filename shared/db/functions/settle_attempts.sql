-- Ends jobs with their attempts: ledger rows, job states and budgets, in one statement. The open
-- attempt row is the compare-and-set: the caller that deletes it settles, and every other caller
-- reads what stands. At most the hold is charged, also where the key has no budget; the operator
-- pays the rest, the overrun.
-- Members: job, fence, status, state, error_code, prompt_tokens, completion_tokens, estimated,
-- cost, ttft_ms, total_ms, response_status?, and for an accepted job result? (content_type, body,
-- events, compressed, error).
-- Verdicts: settled | already (this fence has its ledger row) | lost.
create or replace function settle_attempts(members jsonb)
returns table (
  job_id text, fence integer, verdict text, state text, ledger_status text, cost_nanos bigint,
  overrun_nanos bigint
) language plpgsql as $$
#variable_conflict use_column
declare
  settled text[];
begin
  perform lock_jobs(array(select t.m ->> 'job' from jsonb_array_elements(members) as t(m)));

  with m as (
    select * from jsonb_to_recordset(members) as r(job text, fence integer, status text, state text,
      error_code text, prompt_tokens integer, completion_tokens integer, estimated boolean,
      cost bigint, ttft_ms integer, total_ms integer, response_status text)
  ), closed as (
    delete from attempts a using m where a.job_id = m.job and a.fence = m.fence returning a.*
  ), posted as (
    select c.job_id, c.fence, c.provider, c.target, c.queue_ms, j.hold_nanos, j.period_ids,
      least(m.cost, j.hold_nanos) as charge,
      m.status, m.state, m.error_code, m.prompt_tokens, m.completion_tokens, m.estimated, m.cost,
      m.ttft_ms, m.total_ms, m.response_status, j.key_id, j.endpoint, j.model, j.plan
    from closed c
    join m on m.job = c.job_id and m.fence = c.fence
    join jobs j on j.id = c.job_id
  ), written as (
    insert into ledger (job_id, attempt, key_id, provider, location, endpoint, model,
      upstream_model, status, error_code, prompt_tokens, completion_tokens, estimated, cost_nanos,
      overrun_nanos, queue_ms, ttft_ms, total_ms)
    select p.job_id, p.fence, p.key_id, p.provider, p.plan -> p.target::integer ->> 'location',
      p.endpoint, p.model, p.plan -> p.target::integer ->> 'model', p.status, p.error_code,
      p.prompt_tokens, p.completion_tokens, p.estimated, p.charge, p.cost - p.charge, p.queue_ms,
      p.ttft_ms, p.total_ms
    from posted p
  ), ended as (
    update jobs j set state = p.state, error_code = p.error_code, ended_at = now(), hold_nanos = 0,
      retrying = false, cost_nanos = j.cost_nanos + p.charge, response_status = p.response_status,
      tries = j.tries + (p.status <> 'not_sent')::integer
    from posted p where j.id = p.job_id
  ), budgeted as (
    update budget_periods b set held_nanos = b.held_nanos - d.hold,
      settled_nanos = b.settled_nanos + d.charge
    from (
      select period, sum(p.hold_nanos) as hold, sum(p.charge) as charge
      from posted p, unnest(p.period_ids) as period group by period
    ) as d
    where b.id = d.period
  )
  select coalesce(array_agg(c.job_id || '.' || c.fence), '{}') into settled from closed c;

  insert into job_results (job_id, content_type, body, events, compressed, error)
  select j.id, r.content_type, decode(r.body, 'base64'), decode(r.events, 'base64'), r.compressed,
    r.error
  from jsonb_to_recordset(members) as m(job text, fence integer, result jsonb)
  cross join lateral jsonb_to_record(m.result)
    as r(content_type text, body text, events text, compressed boolean, error text)
  join jobs j on j.id = m.job
  where m.job || '.' || m.fence = any (settled) and not j.interactive and j.deleted_at is null;

  return query
  select m.job, m.fence,
    case
      when m.job || '.' || m.fence = any (settled) then 'settled'
      when l.id is not null then 'already'
      else 'lost'
    end,
    j.state, l.status, j.cost_nanos, l.overrun_nanos
  from jsonb_to_recordset(members) as m(job text, fence integer)
  left join jobs j on j.id = m.job
  left join ledger l on l.job_id = m.job and l.attempt = m.fence;
end $$;
