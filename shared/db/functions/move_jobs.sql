-- Moves jobs to another target, or back to the same one. One compare-and-set raises the place,
-- posts what the failed attempt cost and holds the worst case of the next target. With `fence`, the
-- open attempt of that fence is closed; without, the job must still wait at `place`.
-- Members: job, place, fence?, target, delay_ms, check_ms, the attempt's fields as in
-- settle_attempts, and:
--   excused?     It was the broker's own fault and does not count as a retry for invariant I9.
--   uncounted?   Nothing ran, so the attempt uses up none of the job's attempts.
--   doubtful?    The job itself may be why providers fail, so only 16 such attempts stay uncounted.
--   output_cap?  The next attempt asks for no more output tokens than this.
-- Verdicts:
--   moved
--   no_retry | refused  (the job stays where it is; `refused` also after a part was read)
--   budget | ended      (the job has ended, see `state`)
--   gone
create or replace function move_jobs(members jsonb)
returns table (job_id text, verdict text, state text, place integer, provider text, owner text)
language plpgsql as $$
#variable_conflict use_column
declare
  m jsonb;
  j jobs;
  a attempts;
  there providers;
  next_hold bigint;
  left_hold bigint;
  charge bigint;
  tried integer;
  again boolean;
  free boolean;
begin
  perform lock_jobs(array(select t.m ->> 'job' from jsonb_array_elements(members) as t(m)));
  perform 1 from providers where name in (
    select j.plan -> (t.m ->> 'target')::integer ->> 'provider'
    from jsonb_array_elements(members) as t(m) join jobs j on j.id = t.m ->> 'job'
  ) order by id for update;

  for m in select t.m from jsonb_array_elements(members) with ordinality as t(m, ord) order by t.ord
  loop
    a := null;
    select * into j from jobs where id = m ->> 'job';
    select * into there from providers
    where name = j.plan -> (m ->> 'target')::integer ->> 'provider';
    job_id := m ->> 'job';
    state := j.state; place := j.place; provider := j.provider; owner := j.owner;

    if m ->> 'fence' is not null then
      select * into a from attempts where job_id = j.id and fence = (m ->> 'fence')::integer;
      if a.job_id is null then
        -- The attempt is closed. If the job waits at this fence, this very move has happened.
        verdict := case when j.state = 'waiting' and j.fence = (m ->> 'fence')::integer
          and j.target = (m ->> 'target')::smallint then 'moved' else 'gone' end;
        return next;
        continue;
      end if;
    elsif j.id is null or j.state <> 'waiting' or j.place <> (m ->> 'place')::integer then
      verdict := case when j.state = 'waiting' and j.place = (m ->> 'place')::integer + 1
        and j.target = (m ->> 'target')::smallint then 'moved' else 'gone' end;
      return next;
      continue;
    end if;

    if there.id is null or (j.residency = 'local' and there.location <> 'local')
       or (a.fence = j.read_fence and j.cancel_reason is null and j.deadline_at > now()) then
      verdict := 'refused';
      return next;
      continue;
    end if;

    free := coalesce((m ->> 'uncounted')::boolean, false)
      and ((m ->> 'doubtful')::boolean is not true or (
        select count(*) from ledger l
        where l.job_id = j.id and l.error_code = m ->> 'error_code') < 16);
    tried := coalesce((a.job_id is not null and m ->> 'status' <> 'not_sent' and not free)::integer,
      0);
    if coalesce((m ->> 'excused')::boolean, false) or free then
      again := false;
    else
      -- A job that has not run yet repeats nothing.
      again := (tried = 1 and a.provider = there.name) or (j.tries > 0 and exists (
        select from ledger l
        where l.job_id = j.id and l.provider = there.name and l.status <> 'not_sent'));
    end if;
    if again and j.cancel_reason is null and j.deadline_at > now()
       and not retry_allowed(there.name, j.id) then
      verdict := 'no_retry';
      return next;
      continue;
    end if;

    charge := 0;
    if a.job_id is not null then
      charge := post_attempt(j, a, m);
      delete from attempts where job_id = a.job_id and fence = a.fence;
    end if;
    left_hold := j.hold_nanos - case when j.period_ids = '{}' then 0 else charge end;
    next_hold := (j.plan -> (m ->> 'target')::integer ->> 'holdNanos')::bigint;

    if j.cancel_reason is not null or j.deadline_at <= now() then
      verdict := 'ended';
      state := case when coalesce(j.cancel_reason, 'deadline') in ('deadline', 'sync_wait')
        then 'expired' else 'cancelled' end;
      perform end_job(j, left_hold, state, coalesce(j.cancel_reason, 'deadline'), charge, tried);
    elsif exists (
      select from budget_periods p where p.id = any (j.period_ids)
        and p.settled_nanos + p.held_nanos - left_hold + next_hold > p.limit_nanos
        -- A limit lowered meanwhile stops only moves that would hold more.
        and next_hold > left_hold
    ) then
      if a.job_id is null
         and exists (select from providers p where p.name = j.provider and p.healthy) then
        -- The job has only waited long, and the budget covers it at its present provider. So it
        -- stays and tries to overflow again later.
        update jobs set overflow_at = now() + interval '5 s' where id = j.id;
        verdict := 'refused';
        return next;
        continue;
      end if;
      verdict := 'budget';
      state := 'failed';
      perform end_job(j, left_hold, state, 'insufficient_quota', charge, tried);
    else
      update budget_periods set held_nanos = held_nanos - left_hold + next_hold
      where id = any (j.period_ids) and left_hold <> next_hold;
      update jobs set state = 'waiting', place = j.place + 1, provider = there.name,
        target = (m ->> 'target')::smallint, hold_nanos = next_hold, retrying = again,
        tries = j.tries + tried,
        output_cap = case when m ->> 'output_cap' is not null then (m ->> 'output_cap')::integer
          when j.target = (m ->> 'target')::smallint then j.output_cap end,
        cost_nanos = j.cost_nanos + charge, checks = 0,
        overflow_at = case when j.plan -> (m ->> 'target')::integer ->> 'role' = 'overflow'
          then null else j.overflow_at end,
        wake_at = least(j.deadline_at, now()
          + ((m ->> 'delay_ms')::double precision + (m ->> 'check_ms')::double precision)
            * interval '1 ms')
      where id = j.id;
      verdict := 'moved';
      state := 'waiting';
      place := j.place + 1;
      provider := there.name;
    end if;
    return next;
  end loop;
end $$;
