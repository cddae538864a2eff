-- Up Migration

-- Waiting jobs whose time to be looked at has come, a page at a time, side by side with other
-- sweepers: past the deadline they end; the rest is returned for a check that their entry still
-- exists, and looked at again after growing intervals, so that a backlog costs little.
create function sweep_waiting(page integer)
returns table (job_id text, action text, owner text, provider text, place integer)
language plpgsql as $$
#variable_conflict use_column
declare
  due text[];
begin
  select array_agg(id) into due from (
    select id from jobs where state = 'waiting' and wake_at <= now()
    order by wake_at limit page for update skip locked
  ) as j;
  if due is null then
    return;
  end if;
  perform lock_jobs(due);
  return query
    select j.id, 'expired', j.owner, j.provider, j.place
    from jobs j, end_job(j, j.hold_nanos, 'expired', 'deadline', 0, 0)
    where j.id = any (due) and j.deadline_at <= now();
  return query
    update jobs j set checks = j.checks + 1,
      wake_at = least(j.deadline_at, now() + interval '5 s' * (2 ^ least(j.checks, 5)))
    where j.id = any (due) and j.state = 'waiting'
    returning j.id, 'check', j.owner, j.provider, j.place;
end $$;

-- Closes attempts that their worker does not run (a dead one runs none) as `unknown`, at no cost,
-- and puts their jobs back to wait at a new place; the owner decides whether such a job may run again
-- (no byte forwarded) or must fail. One that has used up its attempts ends here: it may be what kills
-- workers.
create function close_lost_attempts(of_worker text, running text[], min_age_ms integer, page integer)
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
    if j.tries + 1 >= j.max_attempts then
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

-- Ends the waiting jobs of an API process that is gone and asks its running ones to stop. Returns
-- those that ended.
create function end_orphans(lost_owner text) returns setof text language sql as $$
  select e.job_id
  from end_jobs((
    select coalesce(jsonb_agg(jsonb_build_object('job', id, 'state', 'cancelled',
      'code', 'owner_lost')), '[]')
    from jobs
    where state in ('waiting', 'running') and interactive and owner = lost_owner)) as e
  where e.verdict = 'ended'
$$;

-- Lets the jobs that wait at a provider that is down overflow at once, where their route says so and
-- no serve target is up that has not failed them: to such a one they are moved instead. They have
-- been due since they came, so that the oldest goes first.
create function overflow_now(down_provider text, up_providers text[]) returns void
language sql as $$
  update jobs set overflow_at = accepted_at
  where id in (
    select j.id from jobs j
    where j.state = 'waiting' and j.provider = down_provider and j.overflow_on_failure
      and coalesce(j.overflow_at > now(), true)
      and not exists (
        select from jsonb_array_elements(j.plan) as t(item)
        where t.item ->> 'role' = 'serve' and t.item ->> 'provider' = any (up_providers)
          and not exists (
            select from ledger l
            where l.job_id = j.id and l.provider = t.item ->> 'provider'
              and l.status <> 'not_sent'))
    order by j.id for update skip locked)
$$;

-- Moves jobs that wait at a provider that is down to a serve target that is up. One mover a provider
-- at a time; the others return at once.
create function reroute_jobs(down_provider text, up_providers text[], page integer, check_ms integer)
returns table (job_id text, verdict text, state text, place integer, provider text, owner text)
language plpgsql as $$
#variable_conflict use_column
declare
  members jsonb;
begin
  if not pg_try_advisory_xact_lock(1397948417,
    (select p.id from providers p where p.name = down_provider)) then
    return;
  end if;
  select jsonb_agg(jsonb_build_object('job', d.id, 'place', d.place, 'target', d.target,
    'delay_ms', 0, 'check_ms', check_ms)) into members
  from (
    select j.id, j.place, t.target
    from jobs j
    cross join lateral (
      select i.ord - 1 as target
      from jsonb_array_elements(j.plan) with ordinality as i(item, ord)
      where i.item ->> 'role' = 'serve' and i.item ->> 'provider' = any (up_providers)
      order by random() limit 1
    ) as t
    where j.state = 'waiting' and j.provider = down_provider
    order by j.accepted_at limit page
  ) as d;
  if members is not null then
    return query select * from move_jobs(members);
  end if;
end $$;

-- Moves waiting jobs that are due to a provider's overflow targets: oldest first, and only as many
-- as it has free slots. One mover a provider at a time; the others return at once.
create function overflow_jobs(to_provider text, check_ms integer)
returns table (job_id text, verdict text, state text, place integer, provider text, owner text)
language plpgsql as $$
#variable_conflict use_column
declare
  there providers;
  free bigint;
  members jsonb;
begin
  select * into there from providers where name = to_provider;
  if there.id is null or not pg_try_advisory_xact_lock(1397948416, there.id) then
    return;
  end if;
  free := there.slots - (select count(*) from attempts a where a.provider = to_provider)
    - (select count(*) from (
        select from jobs j where j.state = 'waiting' and j.provider = to_provider
        limit there.slots) as w);
  if free <= 0 then
    return;
  end if;
  select jsonb_agg(jsonb_build_object('job', d.id, 'place', d.place, 'target', d.target,
    'delay_ms', 0, 'check_ms', check_ms)) into members
  from (
    select j.id, j.place, t.ord - 1 as target
    from jobs j
    cross join lateral (
      select t.ord from jsonb_array_elements(j.plan) with ordinality as t(item, ord)
      where t.item ->> 'role' = 'overflow' and t.item ->> 'provider' = to_provider
        and (j.residency = 'any' or there.location = 'local')
      limit 1
    ) as t
    where j.state = 'waiting' and j.overflow_at <= now() and j.provider <> to_provider
    order by j.overflow_at, j.id limit free
  ) as d;
  if members is not null then
    return query select * from move_jobs(members);
  end if;
end $$;

-- Down Migration
