-- Moves waiting jobs that are due for overflow to a provider, oldest first, and only as many as it
-- has free slots. One caller at a time does so for a provider; others return at once.
create or replace function overflow_jobs(to_provider text, check_ms integer)
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
