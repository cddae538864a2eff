-- Gives waiting jobs to workers: the fence goes up by one and an attempt row is written, committed
-- before the call goes out. A job is claimed only if place and provider still match, time is left,
-- nobody has asked it to stop, and the provider's location is allowed (the second check of
-- invariant I5 in docs/architecture.md). The key as it is now must be neither revoked nor expired,
-- and must allow this model and this location and cover the cost. A suspect, which was running when
-- two workers died, runs only on a worker that runs nothing else (`alone`). Members are idempotent
-- by nonce. An accepted job comes with its stored request. `queue_ms` is the time in queues over
-- all attempts, without the calls between them.
-- Verdicts: claimed | late | stopped | residency | revoked | key_expired | model | budget | suspect
-- | gone.
create or replace function claim_jobs(members jsonb)
returns table (
  nonce text, verdict text, fence integer, target smallint, tries integer,
  max_attempts smallint, plan jsonb,
  input_bound integer, output_bound integer, queue_ms integer, remaining_ms double precision,
  overflow_on_failure boolean, residency text, model text, key_id text, tried text[],
  facts text, body bytea, compressed boolean, output_cap integer
) language plpgsql as $$
#variable_conflict use_column
declare
  uncovered text[];
begin
  perform 1 from jobs j
  where j.id in (select t.m ->> 'job' from jsonb_array_elements(members) as t(m))
  order by j.id for update;

  uncovered := uncovered_jobs(array(
    select j.id from jsonb_to_recordset(members) as m(job text, place integer, provider text)
    join jobs j on j.id = m.job
    where j.state = 'waiting' and j.place = m.place and j.provider = m.provider
      and j.period_ids <> '{}'));

  with m as (
    select * from jsonb_to_recordset(members)
      as r(job text, place integer, provider text, nonce text, worker text, alone boolean)
  ), claimed as (
    update jobs j set state = 'running', fence = j.fence + 1
    from m
    join providers p on p.name = m.provider
    where j.id = m.job and j.state = 'waiting' and j.place = m.place and j.provider = m.provider
      and j.deadline_at > now() and j.cancel_reason is null
      and (j.crashes < 2 or m.alone)
      and (j.residency = 'any' or p.location = 'local')
      and exists (
        select from keys k where k.id = j.key_id and k.revoked_at is null
          and coalesce(k.expires_at > now(), true)
          and coalesce(j.model = any (k.models), true)
          and (k.residency = 'any' or p.location = 'local'))
      and j.id <> all (uncovered)
    returning j.id, j.fence, j.target, j.provider, j.accepted_at, m.nonce, m.worker
  )
  insert into attempts (job_id, fence, nonce, worker, provider, target, queue_ms)
  select c.id, c.fence, c.nonce, c.worker, c.provider, c.target,
    greatest(0, extract(epoch from clock_timestamp() - c.accepted_at) * 1000
      - case when c.fence = 1 then 0 else (
          select coalesce(sum(l.total_ms), 0) from ledger l where l.job_id = c.id) end)::integer
  from claimed c;

  return query
  select m.nonce,
    case
      when a.job_id is not null then 'claimed'
      when j.id is null or j.state <> 'waiting' or j.place <> m.place or j.provider <> m.provider
        or p.id is null then 'gone'
      when j.deadline_at <= now() then 'late'
      when j.cancel_reason is not null or k.id is null then 'stopped'
      when k.revoked_at is not null then 'revoked'
      when k.expires_at <= now() then 'key_expired'
      when j.model <> all (k.models) then 'model'
      when p.location <> 'local' and 'local' in (j.residency, k.residency) then 'residency'
      when j.id = any (uncovered) then 'budget'
      when j.crashes >= 2 and m.alone is not true then 'suspect'
      else 'gone'
    end,
    a.fence, a.target, j.tries, j.max_attempts, j.plan, j.input_bound, j.output_bound, a.queue_ms,
    (extract(epoch from j.deadline_at - clock_timestamp()) * 1000)::double precision,
    j.overflow_on_failure, j.residency, j.model, j.key_id,
    -- These are the providers of earlier attempts.
    case when a.fence > 1
      then array(select distinct l.provider from ledger l where l.job_id = j.id) else '{}' end,
    r.facts, r.body, r.compressed, j.output_cap
  from jsonb_to_recordset(members)
    as m(job text, place integer, provider text, nonce text, worker text, alone boolean)
  left join jobs j on j.id = m.job
  left join keys k on k.id = j.key_id
  left join attempts a on a.job_id = m.job and a.nonce = m.nonce
  left join providers p on p.name = m.provider
  left join job_requests r on r.job_id = a.job_id;
end $$;
