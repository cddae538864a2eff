-- Moves jobs that wait at a provider that is down to a serve target that is up. One caller at a
-- time does so for a provider; others return at once.
create or replace function reroute_jobs(
  down_provider text, up_providers text[], page integer, check_ms integer
)
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
